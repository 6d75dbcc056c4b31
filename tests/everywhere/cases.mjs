// One set of cases for every runtime and every backend, against the package's public API and nothing else. Each case is a feature: a column
// of the table. A runner gives the place: how to open a host there, and how to count the workers that are alive. The package is built twice: as
// it is published, with every kernel, and for faults, with few kernels and one that fails in every way.
import { endless, naiveMandelbrot, view } from '../host/mandelbrot.mjs';
import { answers } from './answers.mjs';
import { absent, Absent, equal, fails, ok, pause, same, until } from './expect.mjs';

/** What hangs ends here. */
const CASE_MS = 60_000;
/** Work that lasts far longer than any case, in shards that take a moment each. */
const long = { ...endless, maxIterations: 5000 };
const small = { ...view, width: 40, height: 30 };
/** Backends whose kernels run on threads that share a memory, be it another process's. */
const onThreads = (backend) => ['threads', 'process', 'queue'].includes(backend);
const inJavaScriptCore = /^Bun|AppleWebKit(?!.*Chrome)/.test(globalThis.navigator?.userAgent);
const BLOCKED = 'the kernel holds the only thread there is: nothing can stop it';

/** A job that adds one to each byte. */
const plusOne = (host, byte, spin = 0) => host.run('fault', { how: 'none', spin, data: Uint8Array.of(byte) });

async function works(host) {
  same((await host.run('mandelbrot', small)).counts, naiveMandelbrot(small), 'what it computes next');
}

/** Waits until a job has done some of its work, and says so. */
async function underway(job) {
  const seen = await until(() => job.state === 'running' && job.progress.total > 0 && job.progress.done > 0, 30_000);
  ok(seen, `the job is ${job.state} with ${job.progress.done} of ${job.progress.total} units done`);
}

/** Whether time passes while code runs. */
function clockGoesOn() {
  const before = performance.now();
  for (let i = 0; i < 1e7; i += 1) if (performance.now() > before) return true;
  return false;
}

/** That no more workers are alive than there were before. Deno ends those that are busy after ten seconds. */
async function gone(alive, before, bound = 12_000) {
  ok(before !== undefined, 'the workers could not be counted before');
  ok(await until(async () => (await alive()) <= before, bound), `${await alive()} alive, ${before} before`);
}

/**
 * @typedef {{
 *   backend: 'threads' | 'workers' | 'inline' | 'process' | 'queue', auto: string, faults: Package, published: Package, options?: object, publishedOptions?: object,
 *   open: (more?: object) => Promise<any>, openPublished: () => Promise<any>, alive: () => Promise<number>, baseline?: number,
 * }} Place auto: the backend that is picked by itself; options: of every host; alive: workers that live
 * @typedef {{ createHost: Function, LoomworkError: Function }} Package
 */

/** In this order: what may leave something behind comes last. @type {Record<string, (place: Place) => Promise<void>>} */
export const cases = {
  async start({ backend, auto, published, open }) {
    const picked = await published.createHost({ maxMemory: 2 ** 28 });
    equal(picked.backend, auto, 'the backend that is picked');
    ok(picked.why.length > 10, `why: ${picked.why}`);
    await picked.close();
    const host = await open();
    equal(host.backend, backend, 'the backend that was asked for');
    // A queue's kernels run on its workers: what is here only splits and merges.
    equal(host.artifact, ['threads', 'process'].includes(backend) ? 'threads' : 'simd', 'artifact');
    equal(host.threads, ['inline', 'queue'].includes(backend) ? 1 : 3, 'threads');
    await host.close();
    await fails(host.run('noop', {}), 'HOST_CLOSED', 'a job for a closed host');
  },

  async answers({ openPublished }) {
    const host = await openPublished();
    for (const kernel of host.kernels) {
      ok(answers[kernel], `no right answer is known of the kernel ${kernel}: add one to tests/everywhere/answers.mjs`);
      await answers[kernel](host);
    }
    await host.close();
  },

  async close(place) {
    const { backend, open, alive } = place;
    // By now what a runtime starts once for itself is there, and nothing was ended by force yet, which can take its time.
    await pause(500);
    const before = await alive();
    place.baseline = before;
    const host = await open();
    await Promise.all([1, 2, 3, 4, 5].map((byte) => plusOne(host, byte, 1000)));
    if (backend !== 'inline') ok((await alive()) > before, 'its workers are alive');
    await host.close();
    await gone(alive, before);
  },

  async 'bad input'({ openPublished, published: { LoomworkError } }) {
    const host = await openPublished();
    const refused = [
      ['mandelbrot', { ...view, width: NaN }, 'BAD_PARAMS', 'width'],
      ['mandelbrot', { ...view, spam: 1 }, 'BAD_PARAMS', 'spam'],
      ['hash', { data: new Float32Array(2), algorithm: 'sha256' }, 'BAD_PARAMS', 'data'],
      ['image.decode', { data: Uint8Array.of(137, 80, 78, 71) }, 'BAD_PARAMS', 'data'],
      ['mandelbort', view, 'UNKNOWN_KERNEL', undefined],
    ];
    for (const [kernel, params, code, field] of refused) {
      const error = await fails(host.run(kernel, params), code, kernel);
      ok(error instanceof LoomworkError, `${kernel}: a ${error.constructor.name}`);
      equal(error.field, field, 'field');
    }
    await works(host);
    await host.close();
  },

  async transfer({ open }) {
    const host = await open();
    const kept = new Uint8Array(3_000_000).fill(7);
    const moved = new Uint8Array(2_000_000).fill(9);
    const first = host.run('fault', { how: 'none', data: kept });
    const second = host.run('fault', { how: 'none', data: moved }, { transfer: [moved.buffer] });
    equal(moved.length, 0, 'length of what was transferred');
    for (const [job, length, value] of [[first, 3_000_000, 8], [second, 2_000_000, 10]]) {
      const { data } = await job;
      ok(data.length === length && data.every((byte) => byte === value), `${data.length} bytes, ${data[0]}…`);
    }
    ok(kept.length === 3_000_000 && kept[0] === 7, 'what was not transferred is as it was');
    await host.close();
  },

  async 'zero copy'({ backend, open }) {
    const host = await open();
    const shared = (array) => Object.prototype.toString.call(array.buffer) === '[object SharedArrayBuffer]';
    const data = host.alloc(Uint8Array, 1 << 20);
    equal(shared(data), onThreads(backend), 'the input is shared');
    data.fill(4);
    const job = host.run('fault', { how: 'none', data }, { output: 'shared' });
    const { data: output } = await job;
    equal(shared(output), backend === 'threads', 'the output is shared');
    ok(output.length === 1 << 20 && output.every((byte) => byte === 5), 'each byte plus one');
    job.release();
    // The same input again, changed meanwhile.
    data.fill(6);
    const { data: again } = await host.run('fault', { how: 'none', data });
    ok(again.every((byte) => byte === 7), 'each byte plus one, again');
    await host.close();
  },

  async progress({ open }) {
    const host = await open();
    const seen = [];
    const job = host.run('mandelbrot', { ...view, width: 800, height: 600 }, { onProgress: (progress) => seen.push(progress) });
    await job;
    ok(seen.length > 0, 'onProgress was called');
    ok(seen.every(({ fraction }, index) => fraction >= (seen[index - 1]?.fraction ?? 0)), `it only grows: ${seen.map(({ fraction }) => fraction)}`);
    const { done, total, fraction } = seen.at(-1);
    ok(total > 0 && done === total && fraction === 1, `${done} of ${total} at the end`);
    await host.close();
  },

  async parts({ open }) {
    const host = await open();
    const counts = new Uint32Array(view.width * view.height).fill(-1);
    let pixels = 0;
    const job = host.run('mandelbrot', view);
    for await (const { x, y, width, height, counts: tile } of job) {
      equal(tile.length, width * height, 'the size of a tile');
      for (let row = 0; row < height; row += 1) counts.set(tile.subarray(row * width, (row + 1) * width), (y + row) * view.width + x);
      pixels += tile.length;
    }
    equal(pixels, view.width * view.height, 'pixels in all tiles');
    same(counts, naiveMandelbrot(view), 'the tiles put together');
    same((await job).counts, counts, 'the output');
    await host.close();
  },

  async cancel({ open }) {
    const host = await open();
    const controller = new AbortController();
    const job = host.run('mandelbrot', long, { signal: controller.signal });
    await underway(job);
    const reason = new Error('enough');
    controller.abort(reason);
    equal(await job.catch((error) => error), reason, 'what it rejects with');
    equal(job.state, 'cancelled', 'state');
    await job.stopped;
    const { done, total } = job.progress;
    ok(done < total, `it did not stop in the middle: ${done} of ${total} units were done`);
    await works(host);
    await host.close();
  },

  async timeout({ backend, open }) {
    const host = await open();
    const late = host.run('mandelbrot', long, { timeout: 200 });
    await fails(late, 'TimeoutError', 'a timeout');
    await late.stopped;
    // A worker hears nothing meanwhile: there a kernel that checks cannot be told from one that does not, see `grace`. On the caller's own thread
    // the look at the job is a look at the clock, where it goes on; and where the engine can suspend wasm, the event loop goes on.
    const suspends = backend === 'inline' && 'Suspending' in WebAssembly;
    if (onThreads(backend) || suspends || (backend === 'inline' && clockGoesOn())) {
      let turns = 0;
      const ticking = setInterval(() => (turns += 1), 5);
      const checking = host.run('fault', { how: 'endless' }, { timeout: 300 });
      await fails(checking, 'TimeoutError', 'the timeout of an endless kernel');
      clearInterval(ticking);
      await checking.stopped;
      if (suspends) ok(turns > 3, `the event loop had ${turns} turns meanwhile`);
    }
    await works(host);
    await host.close();
  },

  async pause({ open }) {
    const host = await open();
    host.pause();
    const jobs = [1, 2, 3].map((byte) => plusOne(host, byte));
    await pause(50);
    ok(jobs.every(({ state }) => state === 'queued'), `while paused: ${jobs.map(({ state }) => state)}`);
    equal(host.stats().queued, 3, 'jobs that wait');
    host.resume();
    same((await Promise.all(jobs)).map(({ data }) => data[0]), [2, 3, 4], 'outputs');
    await host.close();
  },

  async map({ open }) {
    const host = await open();
    const list = Array.from({ length: 20 }, (_, index) => ({ how: 'none', spin: (index % 3) * 50, data: Uint8Array.of(index) }));
    const bytes = [];
    for await (const { data } of host.map('fault', list)) bytes.push(data[0]);
    same(bytes, list.map((_, index) => index + 1), 'outputs in order');
    let taken = 0;
    for await (const { data } of host.map('fault', list, { concurrency: 2 })) {
      taken += data.length;
      if (taken === 3) break;
    }
    await works(host);
    await host.close();
  },

  async resize({ backend, open }) {
    const host = await open();
    if (['inline', 'queue'].includes(backend)) {
      await fails(host.resize(2), 'UNSUPPORTED', 'a resize of threads that are not the host\'s');
      return void (await host.close());
    }
    const jobs = Array.from({ length: 12 }, (_, index) => plusOne(host, index, 500));
    await host.resize(1);
    equal(host.threads, 1, 'threads');
    await host.resize(2);
    equal(host.threads, 2, 'threads');
    same((await Promise.all(jobs)).map(({ data }) => data[0]), jobs.map((_, index) => index + 1), 'outputs of jobs that were under way');
    await works(host);
    await host.close();
  },

  async stats({ open }) {
    const host = await open();
    await Promise.all([plusOne(host, 1), plusOne(host, 2)]);
    await fails(host.run('fault', { how: 'error' }), 'KERNEL_ERROR', 'a kernel that gives up');
    await fails(host.run('noop', {}, { signal: AbortSignal.abort() }), 'AbortError', 'a signal that is aborted already');
    const { queued, running, done, failed, cancelled, bytesIn, bytesOut, latency } = host.stats();
    same([queued, running, done, failed], [0, 0, 2, 1], 'queued, running, done, failed');
    same([bytesIn, bytesOut, latency.count], [2, 2, 2], 'bytes in and out, latencies');
    ok(cancelled <= 1, `${cancelled} cancelled`);
    const { traceEvents } = host.trace();
    ok(traceEvents.filter(({ name }) => name === 'fault').length >= 3, 'the trace names its jobs');
    await host.close();
  },

  async panic({ open }) {
    const host = await open();
    const beside = [1, 2, 3, 4].map((byte) => plusOne(host, byte, 200));
    const error = await fails(host.run('fault', { how: 'panic' }), 'KERNEL_PANIC', 'a panic');
    ok(/told to panic/.test(error.message), error.message);
    ok(/fault\.rs:\d+:\d+$/.test(error.location), `location: ${error.location}`);
    await fails(host.run('fault', { how: 'panicElsewhere' }), 'KERNEL_PANIC', 'a panic on another thread');
    const gaveUp = await fails(host.run('fault', { how: 'error', spin: 1 }), 'KERNEL_ERROR', 'a kernel that gives up');
    equal(gaveUp.data?.spin, 1, 'its data');
    same((await Promise.all(beside)).map(({ data }) => data[0]), [2, 3, 4, 5], 'outputs of the jobs beside it');
    equal(host.stats().restarts, 0, 'restarts');
    await host.close();
  },

  async memory({ backend, open }) {
    if (backend === 'queue') absent('memory is the workers\', and bounded by their own option');
    if (!onThreads(backend)) absent('an instance of one thread ends at wasm\'s own 4 GiB, which the tests do not fill');
    const host = await open({ maxMemory: 2 ** 26 });
    await fails(host.run('fault', { how: 'outOfMemory' }), 'OUT_OF_MEMORY', 'a kernel that allocates without end');
    await fails(host.run('hash', { data: new Uint8Array(2 ** 26), algorithm: 'sha256' }), 'OUT_OF_MEMORY', 'an input that does not fit');
    equal(host.stats().restarts, 0, 'restarts');
    await works(host);
    await host.close();
  },

  async trap({ backend, open }) {
    const host = await open();
    const beside = [1, 2, 3, 4, 5, 6].map((byte) => plusOne(host, byte, 300));
    if (backend === 'inline') {
      await Promise.all(beside);
      await fails(host.run('fault', { how: 'trap' }), 'KERNEL_CRASH', 'a trap');
      // A thread can have one instance, and it is gone: the next job fails, and does not hang.
      const error = await fails(plusOne(host, 1), 'START_FAILED', 'the job after a trap');
      ok(/crashed/.test(error.message), error.message);
      return void (await host.close());
    }
    for (const how of ['trap', 'trapElsewhere', 'recursion']) await fails(host.run('fault', { how }), 'KERNEL_CRASH', how);
    same((await Promise.all(beside)).map(({ data }) => data[0]), [2, 3, 4, 5, 6, 7], 'outputs of the jobs beside it');
    // Those of instances in other processes are theirs to count.
    if (['threads', 'workers'].includes(backend)) equal(host.stats().restarts, 3, 'restarts');
    await works(host);
    await host.close();
  },

  async 'gone after traps'({ backend, alive, baseline }) {
    if (backend === 'inline') absent('there are no workers');
    await gone(alive, baseline);
  },

  async grace({ backend, open }) {
    if (backend === 'inline') absent(BLOCKED);
    const host = await open({ grace: 200 });
    // What starts has started then, so that the timeout's time is the kernel's.
    await plusOne(host, 1);
    // In JavaScriptCore long enough to be compiled for speed, on a busy machine too: there only code that is not yet can be ended.
    const stuck = host.run('fault', { how: 'never' }, { timeout: inJavaScriptCore ? 4000 : 1500 });
    ok(await until(() => stuck.state === 'running', 10_000), `before it was ${stuck.state} it ran`);
    const beside = [1, 2, 3, 4, 5, 6].map((byte) => plusOne(host, byte, 2000));
    await fails(stuck, 'TimeoutError', 'a kernel that never checks');
    await stuck.stopped;
    same((await Promise.all(beside)).map(({ data }) => data[0]), [2, 3, 4, 5, 6, 7], 'outputs of the jobs beside it');
    await works(host);
    await host.close();
  },

  async 'gone after grace'({ backend, alive, baseline }) {
    if (backend === 'inline') absent('there are no workers');
    // There the kernel runs on (see `limits.mjs`), on a core that others need.
    await gone(alive, baseline, inJavaScriptCore && ['threads', 'workers'].includes(backend) ? 4000 : undefined);
  },
};

/**
 * Runs all cases in one place.
 *
 * @param {Omit<Place, 'open' | 'openPublished'>} place
 * @param {(line: { feature: string, outcome: 'pass' | 'fail' | 'absent', text?: string, ms: number }) => void} report
 */
export async function runCases(place, report) {
  const { backend, faults, published, options } = place;
  // A few threads on any machine, and little memory: browsers that are slow to give it back see many hosts here. A long grace: on a busy machine
  // a kernel that does stop may take its time.
  const common = { backend, threads: 3, concurrency: 3, grace: 10_000, maxMemory: 2 ** 28 };
  const open = (more) => faults.createHost({ ...common, ...options, ...more });
  const openPublished = () => published.createHost({ ...common, ...(place.publishedOptions ?? options) });
  const all = { ...place, open, openPublished };
  for (const [feature, run] of Object.entries(cases)) {
    const begun = Date.now();
    let line = { outcome: 'pass' };
    let timer;
    const bound = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error(`no answer within ${CASE_MS} ms`)), CASE_MS);
    });
    try {
      await Promise.race([run(all), bound]);
    } catch (error) {
      line = { outcome: error instanceof Absent ? 'absent' : 'fail', text: error?.message ?? String(error) };
    }
    clearTimeout(timer);
    report({ feature, ...line, ms: Date.now() - begun });
  }
}
