// The `workers` backend, where memory cannot be shared: single-threaded instances, each in a worker of its own. A kernel that can shard uses
// all of them. The caller's thread cannot reach their memory, so progress comes by message, and a running kernel is stopped by ending its
// worker and starting another.
import type { Counts } from '../shared/control.ts';
import { textOf } from '../shared/errors.ts';
import type { Artifact } from '../shared/artifact.ts';
import type { FromWorker, JobEvent, Message, Unit } from '../shared/protocol.ts';
import type { Runtime, WorkerHandle } from '../runtime/runtime.ts';
import type { Engine, EngineListener, Task } from './engine.ts';
import type { CheckedHostOptions } from './options.ts';
import { Pieces, shardUnit, taskUnit } from './shards.ts';
import { diagnosed, StartingWorker, startWithin, type Fault } from './start.ts';
import { restore } from './threads.ts';
import type { LaneStats } from './stats.ts';

/**
 * @throws LoomworkError START_FAILED naming the file or the step at fault
 */
export async function startWorkers(
  runtime: Runtime,
  options: CheckedHostOptions,
  artifact: Artifact,
  compiling: Promise<WebAssembly.Module>,
  count: number,
  listener: EngineListener,
): Promise<Engine> {
  const module = await startWithin(options.startTimeout, () => 'the wasm file', () => compiling);
  const start = () => startWorker(runtime, options, artifact, module);
  const starting = Array.from({ length: count }, start);
  try {
    return new WorkersEngine(await Promise.all(starting), start, listener);
  } catch (thrown) {
    for (const started of starting) started.then(({ worker }) => void worker.handle.terminate(), () => {});
    throw thrown;
  }
}

interface Started {
  worker: StartingWorker;
  ready: FromWorker['ready'];
}

async function startWorker(runtime: Runtime, { assets, startTimeout }: CheckedHostOptions, artifact: Artifact, module: WebAssembly.Module): Promise<Started> {
  const worker = new StartingWorker(runtime, assets, 'loomwork worker');
  try {
    return await startWithin(startTimeout, () => 'the worker', async () => {
      const ready = diagnosed(runtime, assets, worker.next('ready'));
      worker.handle.post({ type: 'coordinate', artifact, module });
      return { worker, ready: await ready };
    });
  } catch (thrown) {
    void worker.handle.terminate();
    throw thrown;
  }
}

/** A piece of work: a task's whole, its split, one of its shards, or the merge. */
interface Work {
  task: Task;
  unit: Unit;
  /** Which shard. */
  index: number;
}

interface Seat {
  /** Undefined while another is started in its place. */
  handle: WorkerHandle | undefined;
  work: Work | undefined;
  since: number;
  jobs: number;
  busy: number;
}

/** A task inside, and where its plan is when it was split. */
interface Inside {
  task: Task;
  began: number;
  counts: Counts;
  pieces?: Pieces | undefined;
  planner?: WorkerHandle;
}

class WorkersEngine implements Engine {
  readonly kernels: readonly string[];
  readonly #shardable: Set<string>;
  readonly #listener: EngineListener;
  readonly #start: () => Promise<Started>;
  readonly #seats: Seat[] = [];
  readonly #inside = new Map<number, Inside>();
  #waiting: Work[] = [];
  /** Merges go to the worker that holds the plan. */
  readonly #merges = new Map<WorkerHandle, Work[]>();
  #alive = true;
  #closed = false;

  constructor(started: Started[], start: () => Promise<Started>, listener: EngineListener) {
    this.kernels = started[0]!.ready.kernels;
    this.#shardable = new Set([...started[0]!.ready.shardable.once, ...started[0]!.ready.shardable.rounds]);
    this.#listener = listener;
    this.#start = start;
    for (const each of started) {
      const seat: Seat = { handle: undefined, work: undefined, since: 0, jobs: 0, busy: 0 };
      this.#seats.push(seat);
      this.#sit(seat, each);
    }
  }

  #sit(seat: Seat, { worker }: Started): void {
    // A worker that was ended for its job still has messages on the way: they speak of a job that is answered.
    const { handle } = worker;
    seat.handle = handle;
    worker.handOver(
      (message) => {
        if (seat.handle === handle && !this.#closed) this.#heed(seat, message);
      },
      (reason, fault) => {
        if (seat.handle === handle && !this.#closed) this.#lose(seat, reason, fault);
      },
    );
    handle.keepAlive(this.#alive);
  }

  get size(): number {
    return this.#inside.size;
  }

  hasRoom(): boolean {
    // One that is being replaced counts: its start takes less time than a job is worth.
    return !this.#closed && this.#waiting.length === 0 && this.#seats.some(({ work }) => !work);
  }

  submit(task: Task): void {
    this.#inside.set(task.id, { task, began: 0, counts: { done: 0, total: 0 } });
    const idle = this.#seats.filter(({ work }) => !work).length;
    const pieces = this.#shardable.has(task.kernel) ? idle : 1;
    this.#waiting.push({ task, unit: taskUnit(task, pieces), index: -1 });
    task.slot = 0;
  }

  flush(): void {
    for (const seat of this.#seats) if (!seat.work && seat.handle) this.#give(seat);
  }

  #give(seat: Seat): void {
    const merges = this.#merges.get(seat.handle!);
    const work = merges?.shift() ?? this.#waiting.shift();
    if (!work) return;
    const inside = this.#inside.get(work.task.id);
    if (!inside) return this.#give(seat);
    const now = performance.now();
    inside.began ||= now;
    seat.work = work;
    seat.since = now;
    const { unit, index } = work;
    const { inputs } = work.task;
    try {
      // What a task came with is kept here until it is answered; shards and their outputs are ours to move.
      const transfer = index < 0 && unit.what !== 'merge' ? inputs.transfer : [...new Set(unit.arrays.map(({ buffer }) => buffer as ArrayBuffer))];
      seat.handle!.post({ type: 'unit', ...unit, streaming: work.task.streaming }, transfer);
    } catch (thrown) {
      seat.work = undefined;
      this.#finish(work.task, { kind: 'failed', error: { code: 'BAD_PARAMS', message: `the params cannot be sent to a worker: ${textOf(thrown)}` } });
    }
  }

  #heed(seat: Seat, message: Message<FromWorker>): void {
    const { work } = seat;
    if (!work) return;
    switch (message.type) {
      case 'taken':
        if (message.id === work.task.id) restore(work.task, message.buffers);
        return;
      case 'round': {
        this.#leave(seat);
        const inside = this.#inside.get(message.id);
        if (inside) {
          inside.pieces = new Pieces(inside.task, message.shards.length, inside.began, message.counts);
          inside.planner = seat.handle!;
          if (message.shards.length === 0) this.#merge(inside);
          // Before what else waits: a job that has begun is to end.
          this.#waiting.unshift(...message.shards.map((shard, index) => ({ task: inside.task, unit: shardUnit(inside.task, shard), index })));
        } else seat.handle!.post({ type: 'forget', id: message.id });
        return this.#next();
      }
      case 'events':
        for (const event of message.events) this.#takeEvent(seat, work, event);
    }
  }

  #takeEvent(seat: Seat, work: Work, event: JobEvent): void {
    const inside = this.#inside.get(work.task.id);
    switch (event.kind) {
      case 'part':
        if (inside) this.#listener.part(work.task, event.number, event);
        return;
      case 'spoiled':
        if (inside) this.#listener.spoiled(work.task, event.error);
        return;
      case 'progress':
        if (!inside) return;
        if (inside.pieces && work.index >= 0) inside.pieces.advance(work.index, event);
        else if (!inside.pieces) inside.counts = { done: event.done, total: event.total };
        return;
    }
    this.#leave(seat);
    if (inside) {
      if (event.kind === 'failed') this.#finish(work.task, { kind: 'failed', error: event.error });
      else if (event.kind === 'cancelled') this.#finish(work.task, { kind: 'cancelled' });
      else if (work.index < 0) {
        // Of shards that were merged at once, the pieces know.
        if (!inside.pieces || event.total > 0) {
          inside.pieces = undefined;
          inside.counts = { done: event.done, total: event.total };
        }
        this.#finish(work.task, { kind: 'done', output: event });
      } else if (inside.pieces!.add(work.index, event, event)) this.#merge(inside);
    }
    this.#next();
  }

  /** All shards of a round are done. */
  #merge({ task, pieces, planner }: Inside): void {
    const merge: Work = { task, unit: pieces!.merge(), index: -1 };
    this.#merges.set(planner!, [...(this.#merges.get(planner!) ?? []), merge]);
  }

  /** The worker has done what it had. */
  #leave(seat: Seat): void {
    seat.work = undefined;
    seat.jobs += 1;
    seat.busy += performance.now() - seat.since;
  }

  #next(): void {
    this.flush();
    this.#listener.room();
  }

  #finish(task: Task, how: { kind: 'done' | 'failed' | 'cancelled'; output?: import('../shared/protocol.ts').Packed; error?: import('../shared/errors.ts').Failure }): void {
    const inside = this.#inside.get(task.id)!;
    const counts = this.counts(task);
    this.#drop(task);
    const { timeOrigin } = performance;
    this.#listener.end(task, { ...counts, ...how, started: timeOrigin + inside.began, ended: timeOrigin + performance.now(), heard: performance.now(), lane: 0 });
  }

  /** Nothing of a task is to be done any more. */
  #drop(task: Task): void {
    const inside = this.#inside.get(task.id);
    this.#inside.delete(task.id);
    this.#waiting = this.#waiting.filter((work) => work.task !== task);
    for (const [planner, merges] of this.#merges) {
      const left = merges.filter((work) => work.task !== task);
      if (left.length > 0) this.#merges.set(planner, left);
      else this.#merges.delete(planner);
    }
    if (inside?.planner && this.#seats.some(({ handle }) => handle === inside.planner)) inside.planner.post({ type: 'forget', id: task.id });
    // What runs for nobody is ended, and its worker with it.
    for (const seat of this.#seats) if (seat.work?.task === task) this.#replace(seat);
    task.slot = -1;
  }

  #replace(seat: Seat): void {
    const { handle } = seat;
    seat.handle = undefined;
    seat.work = undefined;
    void handle?.terminate();
    if (handle) {
      // Plans that were in it are gone: their tasks begin again.
      for (const inside of [...this.#inside.values()]) {
        if (inside.planner === handle) this.#again(inside.task, 'the worker that held its plan was lost');
      }
    }
    this.#start().then(
      (started) => {
        if (this.#closed) return void started.worker.handle.terminate();
        this.#sit(seat, started);
        this.#next();
      },
      (thrown: unknown) => {
        if (!this.#closed) this.#fall(textOf(thrown));
      },
    );
  }

  /** A task whose worker was lost through no fault of its own. */
  #again(task: Task, reason: string): void {
    this.#drop(task);
    this.#listener.rerun(task, false, reason);
  }

  #lose(seat: Seat, reason: string, { trap }: Fault): void {
    const task = seat.work?.task;
    const inside = task && this.#inside.get(task.id);
    this.#listener.crashed(reason);
    if (inside) {
      if (trap) this.#finish(task, { kind: 'failed', error: { code: 'KERNEL_CRASH', message: `the kernel crashed the instance that ran it (${reason}), which is being replaced` } });
      else {
        this.#drop(task);
        this.#listener.rerun(task, true, reason);
      }
    }
    if (seat.handle) this.#replace(seat);
    this.#next();
  }

  /** No worker can be started any more. */
  #fall(reason: string): void {
    const innocent = this.kill();
    this.#listener.lost(reason, { culprits: [], suspects: [], innocent });
  }

  began({ id }: Task): number {
    return this.#inside.get(id)?.began ?? 0;
  }

  cancel(task: Task): void {
    if (!this.#inside.has(task.id)) return;
    this.#finish(task, { kind: 'cancelled' });
    this.#next();
  }

  stream(): void {
    // Seen at its next unit: a worker hears nothing while it computes.
  }

  counts({ id }: Task): Counts {
    const inside = this.#inside.get(id);
    return inside?.pieces?.counts ?? inside?.counts ?? { done: 0, total: 0 };
  }

  release(): void {
    // Outputs are always copies.
  }

  keepAlive(keep: boolean): void {
    this.#alive = keep;
    for (const { handle } of this.#seats) handle?.keepAlive(keep);
  }

  async prepare(): Promise<void> {
    // All workers are there from the start.
  }

  get laneCount(): number {
    return this.#seats.length;
  }

  lanes(): LaneStats[] {
    return this.#seats.map(({ jobs, busy }) => ({ threads: 1, jobs, busy }));
  }

  kill(): Task[] {
    this.#closed = true;
    for (const { handle } of this.#seats) void handle?.terminate();
    const tasks = [...this.#inside.values()].map(({ task }) => task);
    this.#inside.clear();
    for (const task of tasks) task.slot = -1;
    return tasks;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(this.#seats.map(({ handle }) => handle?.terminate()));
  }
}
