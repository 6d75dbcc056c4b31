// The `inline` backend: an instance on the caller's own thread, for places without workers. Arrays are moved in and out a megabyte at a time, a
// kernel that can shard is done a shard at a time, and in between the event loop goes on; where the engine can suspend wasm, it also does when a
// kernel looks at its job. Else one that cannot shard holds it until it is done, or its timeout is over.
import type { Counts } from '../shared/control.ts';
import { textOf } from '../shared/errors.ts';
import type { Artifact } from '../shared/artifact.ts';
import type { JobEvent } from '../shared/protocol.ts';
import type { InlineModule, Runtime } from '../runtime/runtime.ts';
import { Durations } from './durations.ts';
import type { End, Engine, EngineListener, Task } from './engine.ts';
import { Held } from './held.ts';
import type { CheckedHostOptions } from './options.ts';
import { startWithin } from './start.ts';
import type { LaneStats } from './stats.ts';
import type { SlicedInstance } from '../worker/sliced.ts';

/** A job is cut into so many pieces at a time at most. */
const MOST_PIECES = 256;
/** Pieces that fill a slice, where it is known how long the job takes: the last of them ends a quarter later than it should. */
const PIECES_OF_SLICE = 4;

/** Why this thread's one instance is gone, if it is: all of its hosts share it, and it cannot be made anew. */
let crashed: string | undefined;

/**
 * @throws LoomworkError START_FAILED naming the file at fault
 */
export async function startInline(runtime: Runtime, options: CheckedHostOptions, artifact: Artifact, module: Promise<WebAssembly.Module>, listener: EngineListener): Promise<Engine> {
  return startWithin(options.startTimeout, () => 'the inline instance', async () => {
    const compiled = await module;
    if (crashed !== undefined) throw new Error(`the one instance that this thread can have has crashed (${crashed}): start the program, or load the page, again`);
    const { openInline } = await runtime.inline();
    return new InlineEngine(runtime, options.slice, await openInline(artifact, compiled), listener);
  });
}

class InlineEngine implements Engine {
  readonly kernels: readonly string[];
  readonly reserve: Held;
  readonly #runtime: Runtime;
  readonly #slice: number;
  readonly #instance: SlicedInstance;
  readonly #listener: EngineListener;
  readonly #durations = new Durations();
  #task: Task | undefined;
  #counts: Counts = { done: 0, total: 0 };
  #began = 0;
  /** When the event loop had its last turn. */
  #since = 0;
  #jobs = 0;
  #busy = 0;
  #flushed = false;
  #closed = false;

  constructor(runtime: Runtime, slice: number, { kernels, instance }: Awaited<ReturnType<InlineModule['openInline']>>, listener: EngineListener) {
    this.kernels = kernels;
    this.#runtime = runtime;
    this.#slice = slice;
    this.#instance = instance;
    this.reserve = new Held(instance);
    this.#listener = listener;
  }

  get size(): number {
    return this.#task ? 1 : 0;
  }

  hasRoom(): boolean {
    return !this.#closed && !this.#task;
  }

  submit(task: Task): void {
    this.#task = task;
    task.slot = 0;
    this.#counts = { done: 0, total: 0 };
    this.#began = 0;
    this.#flushed = false;
  }

  flush(): void {
    const task = this.#task;
    if (!task || this.#flushed) return;
    this.#flushed = true;
    this.#run(task).catch((thrown: unknown) => {
      // A trap: the instance is gone for good, and with it the one that this thread can have.
      const culprits = this.#task === task ? [task] : [];
      this.#task = undefined;
      this.#closed = true;
      crashed = textOf(thrown);
      this.#listener.lost(crashed, { culprits, suspects: [], innocent: [] });
    });
  }

  async #run(task: Task): Promise<void> {
    // After the current task, so that the caller holds its job before the job holds the thread.
    await this.#runtime.yield();
    if (this.#task !== task) return;
    this.#began = performance.now();
    this.#since = this.#began;
    const { id, kernel, params, inputs } = task;
    let busy = 0;
    await this.#instance.run({
      id,
      kernel,
      params,
      arrays: inputs.arrays,
      pieces: this.#piecesOf(task),
      streaming: () => task.streaming,
      // Edge isolates' clocks stand still while code runs: they tell nothing until the event loop goes on.
      isDue: () => {
        const now = performance.now();
        return now === this.#since || now - this.#since >= this.#slice;
      },
      turn: async () => {
        await this.#runtime.yield();
        this.#since = performance.now();
      },
      isWanted: () => this.#task === task,
      onWay() {
        // A step that is long holds this thread, and with it the timer of its job's timeout.
        if (performance.now() >= task.deadline) task.expire();
      },
      onEvent: (event) => {
        if (this.#task !== task) return;
        if (event.kind === 'done') this.#durations.learn(task, busy);
        this.#heed(task, event);
      },
      onProgress: (counts) => {
        if (this.#task === task) this.#counts = counts;
      },
      onBusy: (time) => {
        busy += time;
        this.#busy += time;
      },
    });
  }

  /** Each piece costs something, and a job is none where it ends as soon as the last piece of a slice would. */
  #piecesOf(task: Task): number {
    const slices = (this.#durations.of(task) ?? Infinity) / this.#slice;
    return slices <= 1 + 1 / PIECES_OF_SLICE ? 1 : Math.min(MOST_PIECES, Math.ceil(PIECES_OF_SLICE * slices));
  }

  #heed(task: Task, event: JobEvent): void {
    switch (event.kind) {
      case 'part':
        return this.#listener.part(task, event.number, event);
      case 'spoiled':
        return this.#listener.spoiled(task, event.error);
      case 'progress':
        return;
      case 'failed':
        return this.#end(task, { kind: 'failed', error: event.error });
      case 'cancelled':
        return this.#end(task, { kind: 'cancelled' });
      case 'done':
        this.#counts = { done: event.done, total: event.total };
        this.#end(task, { kind: 'done', output: event });
    }
  }

  #end(task: Task, how: Pick<End, 'kind'> & Partial<End>): void {
    const counts = this.counts();
    this.#task = undefined;
    task.slot = -1;
    this.#jobs += 1;
    const { timeOrigin } = performance;
    this.#listener.end(task, { ...counts, ...how, started: timeOrigin + this.#began, ended: timeOrigin + performance.now(), heard: performance.now(), lane: 0 });
    // After the caller has heard of it.
    void this.#runtime.yield().then(() => this.#listener.room());
  }

  began(task: Task): number {
    return this.#task === task ? this.#began : 0;
  }

  cancel(task: Task): void {
    // Between two steps, or on the way of one, which is to stop too.
    if (this.#task !== task) return;
    this.#instance.stop(task.id);
    this.#end(task, { kind: 'cancelled' });
  }

  stream(): void {
    // Seen at the next step.
  }

  counts(): Counts {
    return this.#counts;
  }

  release(): void {
    // Outputs are always copies.
  }

  keepAlive(): void {
    // Its own turns of the event loop do.
  }

  async prepare(): Promise<void> {
    // It takes one at a time.
  }

  get laneCount(): number {
    return 1;
  }

  lanes(): LaneStats[] {
    return [{ threads: 1, jobs: this.#jobs, busy: this.#busy }];
  }

  kill(): Task[] {
    this.#closed = true;
    const tasks = this.#task ? [this.#task] : [];
    this.#task = undefined;
    return tasks;
  }

  async close(): Promise<void> {
    this.#closed = true;
  }
}
