// Tells when the main thread is held: by a job on backend `inline` that does not let go of it, nothing on that thread could tell.
import { writeSync } from 'node:fs';
import { inspect } from 'node:util';
import { isMainThread, Worker, workerData } from 'node:worker_threads';

/** So long may one turn of the event loop take. */
const MOST_MS = 120_000;
const BEAT_MS = 1000;
const TEXT_BYTES = 1 << 16;

/** Starts the watch; what it returns is to be told of each case before it is tried. */
export function watchMainThread() {
  const shared = new SharedArrayBuffer(8 + TEXT_BYTES);
  const words = new Int32Array(shared, 0, 2);
  const worker = new Worker(new URL(import.meta.url), { workerData: shared });
  worker.unref();
  setInterval(() => Atomics.add(words, 0, 1), BEAT_MS).unref();
  return (what) => {
    // Not into shared memory itself: TextEncoder refuses it.
    const text = Buffer.from(inspect(what, { depth: 6, maxArrayLength: 20, breakLength: 200 })).subarray(0, TEXT_BYTES);
    new Uint8Array(shared, 8).set(text);
    Atomics.store(words, 1, text.length);
  };
}

if (!isMainThread && workerData instanceof SharedArrayBuffer) {
  const words = new Int32Array(workerData, 0, 2);
  let seen = -1;
  let since = performance.now();
  setInterval(() => {
    const now = Atomics.load(words, 0);
    if (now !== seen) {
      seen = now;
      since = performance.now();
    } else if (performance.now() - since > MOST_MS) {
      const text = Buffer.from(new Uint8Array(workerData, 8, Atomics.load(words, 1))).toString();
      writeSync(2, `found: the main thread has been held for ${MOST_MS / 1000} s by ${text}\n`);
      process.kill(process.pid, 'SIGTERM');
    }
  }, BEAT_MS);
}
