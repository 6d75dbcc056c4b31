// The `workers` backend where memory cannot be shared: one worker with a single-threaded instance. The caller's thread cannot reach its
// memory, so progress comes by message and a running job is stopped by ending the worker and starting another.
import type { Counts } from '../shared/control.ts';
import type { Artifact } from '../shared/artifact.ts';
import type { FromWorker, Message, Submission } from '../shared/protocol.ts';
import type { Runtime, WorkerHandle } from '../runtime/runtime.ts';
import type { Engine, EngineListener } from './engine.ts';
import type { CheckedHostOptions } from './options.ts';
import { StartingWorker, startWithin } from './start.ts';
import { diagnosed } from './threads.ts';

/**
 * @throws LoomworkError START_FAILED naming the file or the step at fault
 */
export async function startSolo(runtime: Runtime, options: CheckedHostOptions, artifact: Artifact, listener: EngineListener): Promise<Engine> {
  const module = await startWithin(options.startTimeout, () => 'the wasm file', () => runtime.compile(artifact, options.assets));
  const engine = new SoloEngine(listener, () => startWorker(runtime, options, artifact, module));
  await engine.start();
  return engine;
}

interface Started {
  worker: StartingWorker;
  kernels: string[];
}

async function startWorker(runtime: Runtime, { assets, startTimeout }: CheckedHostOptions, artifact: Artifact, module: WebAssembly.Module): Promise<Started> {
  const worker = new StartingWorker(runtime, assets, 'loomwork worker');
  try {
    return await startWithin(startTimeout, () => 'the worker', async () => {
      const ready = diagnosed(runtime, assets, worker.next('ready'));
      worker.handle.post({ type: 'coordinate', artifact, module, threads: 1 });
      const { kernels } = await ready;
      return { worker, kernels };
    });
  } catch (thrown) {
    void worker.handle.terminate();
    throw thrown;
  }
}

class SoloEngine implements Engine {
  kernels: readonly string[] = [];
  readonly #listener: EngineListener;
  readonly #start: () => Promise<Started>;
  #worker: WorkerHandle | undefined;
  #running: Submission | undefined;
  #alive = true;
  #closed = false;
  #counts: Counts = { done: 0, total: 0 };

  constructor(listener: EngineListener, start: () => Promise<Started>) {
    this.#listener = listener;
    this.#start = start;
  }

  async start(): Promise<void> {
    const { worker, kernels } = await this.#start();
    if (this.#closed) return void worker.handle.terminate();
    this.kernels = kernels;
    // A worker that was ended for its job still has messages on the way: they speak of a job that is answered.
    const current = worker.handle;
    this.#worker = worker.handOver(
      (message) => {
        if (this.#worker === current) this.#heed(message);
      },
      (reason) => {
        if (this.#worker === current) this.#listener.lost(reason);
      },
    );
    this.#worker.keepAlive(this.#alive);
  }

  submit(job: Submission, transfer: ArrayBuffer[]): void {
    this.#running = job;
    this.#counts = { done: 0, total: 0 };
    this.#worker?.post({ type: 'run', ...job }, transfer);
  }

  cancel({ id }: { id: number }): void {
    if (this.#running?.id !== id) return;
    void this.#worker?.terminate();
    this.#worker = undefined;
    this.#running = undefined;
    // The job's end is told once there is a worker for the next one.
    this.start().then(
      () => this.#listener.event({ id, kind: 'cancelled', ...this.#counts }),
      (error: unknown) => this.#listener.lost(error instanceof Error ? error.message : String(error)),
    );
  }

  stream(): void {
    // Parts are always sent: the worker hears nothing while it computes.
  }

  counts(): Counts {
    return this.#counts;
  }

  keepAlive(keep: boolean): void {
    this.#alive = keep;
    this.#worker?.keepAlive(keep);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#worker?.terminate();
    this.#worker = undefined;
  }

  #heed(message: Message<FromWorker>): void {
    if (message.type !== 'events') return;
    for (const event of message.events) {
      if (event.kind === 'progress') this.#counts = { done: event.done, total: event.total };
      else if (event.kind !== 'part') this.#running = undefined;
      this.#listener.event(event);
    }
  }
}
