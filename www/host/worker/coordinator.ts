// The coordinator: the worker that owns an instance. It moves jobs in and events out, and never runs a kernel where there are threads for
// that, so it always hears when something ends. In the single-threaded artifacts it is the only thread and runs the kernel itself.
import { ControlTable } from '../shared/control.ts';
import type { FromWorker, Message, Port, Submission, ToWorker } from '../shared/protocol.ts';
import { glueOf, type Glue } from './glue.ts';
import { Instance, trapText } from './instance.ts';
import { setThreadStarter } from './pool.ts';

/** A wait is never longer than this, so that a lost notification costs a delay and not a job. */
const DOORBELL_TIMEOUT_MS = 500;

/** Progress of a job on the only thread is told at most this often. */
const PROGRESS_INTERVAL_MS = 30;

/** Starts an instance and returns what takes its jobs. */
export async function coordinate(port: Port, order: ToWorker['coordinate'], threadsReady: Promise<void>): Promise<(job: Submission) => void> {
  const glue = glueOf(order.artifact);
  const { memory } = glue.initSync({ module: order.module, ...(order.memory && { memory: order.memory }) });
  glue.boot();
  if (order.artifact === 'threads') {
    setThreadStarter((receiver) => {
      port.post({ type: 'pool', receiver });
      return threadsReady;
    });
    await glue.initThreadPool(order.threads);
  }
  port.post({ type: 'ready', kernels: glue.kernelNames(), controlTable: glue.controlTable() });
  return order.artifact === 'threads' ? runOnPool(port, glue, memory) : runHere(port, glue, memory);
}

/** Hands jobs to the pool, and passes on what happens whenever the doorbell has rung. */
function runOnPool(port: Port, glue: Glue, memory: WebAssembly.Memory): (job: Submission) => void {
  const instance = new Instance(glue, memory);
  const bell = glue.doorbell() / 4;
  let inFlight = 0;
  let listening = false;

  async function listen(): Promise<void> {
    listening = true;
    while (inFlight > 0) {
      const words = new Int32Array(memory.buffer);
      const rung = Atomics.load(words, bell);
      const { events, transfer } = instance.takeEvents();
      if (events.length > 0) {
        inFlight -= events.filter(({ kind }) => kind !== 'part').length;
        port.post({ type: 'events', events }, transfer);
        continue;
      }
      await changed(words, bell, rung);
    }
    listening = false;
  }

  return guarded(port, (job) => {
    const error = instance.submit(job);
    if (error) {
      port.post({ type: 'events', events: [{ id: job.id, kind: 'failed', done: 0, total: 0, error }] });
      return;
    }
    inFlight += 1;
    if (!listening) listen().catch((thrown: unknown) => port.post(lost(thrown)));
  });
}

/** Runs each job on this thread, passing on parts and progress on the way. */
function runHere(port: Port, glue: Glue, memory: WebAssembly.Memory): (job: Submission) => void {
  const instance = new Instance(glue, memory);
  const table = new ControlTable(memory, glue.controlTable());
  let running: Submission | undefined;
  let told = 0;

  function passOn(): void {
    const { events, transfer } = instance.takeEvents();
    if (events.length > 0) port.post({ type: 'events', events }, transfer);
    const now = performance.now();
    if (running && now - told >= PROGRESS_INTERVAL_MS) {
      told = now;
      port.post({ type: 'events', events: [{ id: running.id, kind: 'progress', ...table.counts(running.slot) }] });
    }
  }

  glue.onEvent(passOn);
  return guarded(port, (job) => {
    // The caller cannot reach this memory: parts are always sent, and dropped there if nobody reads them.
    table.clear(job.slot, true);
    running = job;
    const error = instance.submit(job);
    running = undefined;
    if (error) port.post({ type: 'events', events: [{ id: job.id, kind: 'failed', done: 0, total: 0, error }] });
    passOn();
  });
}

/** Whatever escapes from wasm is a trap: the caller's thread replaces the instance. */
function guarded(port: Port, run: (job: Submission) => void): (job: Submission) => void {
  return (job) => {
    try {
      run(job);
    } catch (thrown) {
      port.post(lost(thrown));
    }
  };
}

function lost(thrown: unknown): Message<FromWorker> {
  return { type: 'lost', message: trapText(thrown) };
}

/** Resolves when the word is no longer `seen`, or after a bound. */
async function changed(words: Int32Array, index: number, seen: number): Promise<void> {
  if (typeof Atomics.waitAsync === 'function') {
    await Atomics.waitAsync(words as Int32Array<SharedArrayBuffer>, index, seen, DOORBELL_TIMEOUT_MS).value;
  } else {
    // Where there is no waitAsync, look again after a timer's shortest delay.
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}
