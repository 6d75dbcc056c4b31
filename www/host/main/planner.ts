// Divides jobs and puts the outputs of their shards together, for backends whose instances are in other processes: a worker with a
// single-threaded instance of its own, beside the caller's thread. It runs no kernel.
import { LoomworkError } from '../shared/errors.ts';
import type { FromWorker, JobEvent, Message, Packed, Shard, Unit } from '../shared/protocol.ts';
import type { Runtime, WorkerHandle } from '../runtime/runtime.ts';
import type { Task } from './engine.ts';
import type { CheckedHostOptions } from './options.ts';
import type { Pieces } from './shards.ts';
import { taskUnit } from './shards.ts';
import { diagnosed, StartingWorker, startWithin } from './start.ts';
import { restore } from './threads.ts';

/** The planner's worker has died, and the plans that were in it are gone. */
export class PlannerLost extends Error {}

/** What was asked of the worker. */
interface Asked {
  task: Task;
  resolve(answer: Shard[] | Packed): void;
  reject(reason: unknown): void;
}

export class Planner {
  readonly #runtime: Runtime;
  readonly #options: CheckedHostOptions;
  #worker: WorkerHandle;
  #shardable: ReadonlySet<string>;
  /** By task; each is asked one thing at a time. */
  readonly #asked = new Map<number, Asked>();
  #closed = false;

  /**
   * @throws LoomworkError START_FAILED
   */
  static async start(runtime: Runtime, options: CheckedHostOptions): Promise<Planner> {
    return new Planner(runtime, options, await startWorker(runtime, options));
  }

  private constructor(runtime: Runtime, options: CheckedHostOptions, started: Started) {
    this.#runtime = runtime;
    this.#options = options;
    this.kernels = started.ready.kernels;
    this.#shardable = new Set(started.ready.shardable.once);
    this.#worker = this.#sit(started);
  }

  /** All kernels of the package. */
  readonly kernels: readonly string[];

  /** Kernels whose shards are jobs of their own, as other processes can run them. */
  get shardable(): ReadonlySet<string> {
    return this.#shardable;
  }

  /**
   * Divides a task into at most so many shards; undefined when that does not pay. The plan is kept until `merge` or `forget`.
   *
   * @throws LoomworkError as the kernel does for bad params; PlannerLost
   */
  async split(task: Task, pieces: number): Promise<Shard[] | undefined> {
    const unit: Unit = { ...taskUnit(task, pieces), what: 'plan' };
    const shards = (await this.#ask(task, unit, task.inputs.transfer)) as Shard[];
    return shards.length > 0 ? shards : undefined;
  }

  /**
   * The task's output.
   *
   * @throws LoomworkError; PlannerLost
   */
  merge(pieces: Pieces): Promise<Packed> {
    const unit = pieces.merge();
    return this.#ask(pieces.task, unit, [...new Set(unit.arrays.map(({ buffer }) => buffer as ArrayBuffer))]) as Promise<Packed>;
  }

  /** A task that was split will not be merged. */
  forget({ id }: Task): void {
    this.#worker.post({ type: 'forget', id });
  }

  keepAlive(keep: boolean): void {
    this.#worker.keepAlive(keep);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#fail('the host is closed');
    await this.#worker.terminate();
  }

  #ask(task: Task, unit: Unit, transfer: ArrayBuffer[]): Promise<Shard[] | Packed> {
    return new Promise((resolve, reject) => {
      this.#asked.set(task.id, { task, resolve, reject });
      this.#worker.post({ type: 'unit', ...unit, streaming: false }, transfer);
    });
  }

  #sit({ worker }: Started): WorkerHandle {
    worker.handle.keepAlive(false);
    return worker.handOver(
      (message) => this.#heed(message),
      (reason) => this.#lose(reason),
    );
  }

  #heed(message: Message<FromWorker>): void {
    switch (message.type) {
      case 'taken': {
        const asked = this.#asked.get(message.id);
        if (asked) restore(asked.task, message.buffers);
        return;
      }
      case 'round':
        return this.#answer(message.id)?.resolve(message.shards);
      case 'events':
        for (const event of message.events) this.#takeEvent(event);
    }
  }

  #takeEvent(event: JobEvent): void {
    if (event.kind === 'done') this.#answer(event.id)?.resolve(event);
    else if (event.kind === 'failed') this.#answer(event.id)?.reject(new LoomworkError(event.error));
  }

  #answer(id: number): Asked | undefined {
    const asked = this.#asked.get(id);
    this.#asked.delete(id);
    return asked;
  }

  /** Its plans are gone: whoever waits must begin again. Another worker is started at once. */
  #lose(reason: string): void {
    const lost = this.#worker;
    void lost.terminate();
    this.#fail(reason);
    if (this.#closed) return;
    startWorker(this.#runtime, this.#options).then(
      (started) => {
        if (this.#closed) void started.worker.handle.terminate();
        else this.#worker = this.#sit(started);
      },
      () => {
        // Without one, jobs run whole.
        this.#shardable = new Set();
      },
    );
  }

  #fail(reason: string): void {
    const asked = [...this.#asked.values()];
    this.#asked.clear();
    for (const { reject } of asked) reject(new PlannerLost(reason));
  }
}

interface Started {
  worker: StartingWorker;
  ready: FromWorker['ready'];
}

async function startWorker(runtime: Runtime, { assets, startTimeout, artifact: asked }: CheckedHostOptions): Promise<Started> {
  const artifact = asked === 'baseline' ? 'baseline' : 'simd';
  const worker = new StartingWorker(runtime, assets, 'loomwork planner');
  try {
    return await startWithin(startTimeout, () => 'the planner', async () => {
      const module = await runtime.compile(artifact, assets.wasm?.[artifact] as string | URL | undefined);
      const ready = diagnosed(runtime, assets, worker.next('ready'));
      worker.handle.post({ type: 'coordinate', artifact, module });
      return { worker, ready: await ready };
    });
  } catch (thrown) {
    void worker.handle.terminate();
    throw thrown;
  }
}
