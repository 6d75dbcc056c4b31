// The `threads` backend: one coordinator and n rayon threads over one shared memory. All of them are started, watched and ended from here, by
// the caller's thread, which itself only reads and writes control blocks and messages.
import { ControlTable, type Counts } from '../shared/control.ts';
import type { Submission } from '../shared/protocol.ts';
import type { Runtime, WorkerHandle } from '../runtime/runtime.ts';
import type { Engine, EngineListener } from './engine.ts';
import type { CheckedHostOptions } from './options.ts';
import { StartingWorker, startWithin } from './start.ts';

const PAGE = 65_536;

/** Pages that the threads artifact declares as its start (from its glue, by the build). */
declare const __INITIAL_PAGES__: number;

/**
 * @throws LoomworkError START_FAILED naming the file or the step at fault
 */
export async function startThreads(runtime: Runtime, options: CheckedHostOptions, threads: number, listener: EngineListener): Promise<Engine> {
  const { assets, startTimeout } = options;
  const workers: StartingWorker[] = [];
  let stage = 'the wasm file';
  let answered = 0;
  try {
    return await startWithin(startTimeout, () => stage, async () => {
      const memory = shareMemory(options.maxMemory);
      const compiling = runtime.compile('threads', assets);
      // A failure to compile is seen at its await below, however long the workers take.
      compiling.catch(() => {});
      // The workers load while the wasm compiles.
      stage = 'starting workers';
      const coordinator = new StartingWorker(runtime, assets, 'loomwork coordinator');
      workers.push(coordinator);
      const pool = Array.from({ length: threads }, (_, index) => new StartingWorker(runtime, assets, `loomwork thread ${index + 1}`));
      workers.push(...pool);

      stage = 'the wasm file';
      const module = await compiling;
      stage = 'the coordinator';
      const asked = diagnosed(runtime, assets, coordinator.next('pool'));
      coordinator.handle.post({ type: 'coordinate', artifact: 'threads', module, memory, threads });
      const { receiver } = await asked;

      stage = `the threads (0 of ${threads} answered)`;
      await Promise.all(pool.map(async (thread) => {
        const ready = diagnosed(runtime, assets, thread.next('threadReady'));
        thread.handle.post({ type: 'thread', module, memory, receiver });
        await ready;
        answered += 1;
        stage = `the threads (${answered} of ${threads} answered)`;
      }));
      stage = 'the thread pool';
      const ready = coordinator.next('ready');
      coordinator.handle.post({ type: 'threadsReady' });
      const { kernels, controlTable } = await ready;
      return new ThreadsEngine(coordinator, pool, kernels, new ControlTable(memory, controlTable), listener);
    });
  } catch (thrown) {
    for (const worker of workers) void worker.handle.terminate();
    throw thrown;
  }
}

/** A worker that fails during its start mostly has a file that cannot be loaded: say which and why. */
export async function diagnosed<T>(runtime: Runtime, assets: CheckedHostOptions['assets'], answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (thrown) {
    const reason = thrown instanceof Error ? thrown.message : String(thrown);
    throw new Error(`${reason}; ${await runtime.diagnoseWorker(assets)}`, { cause: thrown });
  }
}

function shareMemory(maxMemory: number): WebAssembly.Memory {
  const maximum = Math.max(__INITIAL_PAGES__, Math.floor(maxMemory / PAGE));
  return new WebAssembly.Memory({ initial: __INITIAL_PAGES__, maximum, shared: true });
}

class ThreadsEngine implements Engine {
  readonly kernels: readonly string[];
  readonly #coordinator: WorkerHandle;
  readonly #threads: WorkerHandle[];
  readonly #table: ControlTable;

  constructor(coordinator: StartingWorker, pool: StartingWorker[], kernels: string[], table: ControlTable, listener: EngineListener) {
    this.kernels = kernels;
    this.#table = table;
    const lost = (reason: string) => listener.lost(reason);
    this.#coordinator = coordinator.handOver((message) => {
      if (message.type === 'events') message.events.forEach((event) => listener.event(event));
    }, lost);
    this.#threads = pool.map((thread) => thread.handOver(() => {}, lost));
    // A pool at rest must not keep a process alive; the coordinator does while it has jobs.
    for (const thread of this.#threads) thread.keepAlive(false);
  }

  submit(job: Submission, transfer: ArrayBuffer[], streaming: boolean): void {
    this.#table.clear(job.slot, streaming);
    this.#coordinator.post({ type: 'run', ...job }, transfer);
  }

  cancel({ slot }: { slot: number }): void {
    this.#table.cancel(slot);
  }

  stream(slot: number): void {
    this.#table.stream(slot);
  }

  counts(slot: number): Counts {
    return this.#table.counts(slot);
  }

  keepAlive(keep: boolean): void {
    this.#coordinator.keepAlive(keep);
  }

  async close(): Promise<void> {
    await Promise.all([this.#coordinator, ...this.#threads].map((worker) => worker.terminate()));
  }
}
