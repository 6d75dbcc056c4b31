// The `process` backend: child processes, each a host with threads of its own, on its share of the cores. What divides is done by all of
// them. A child that dies costs what it was doing, which another does again, and is replaced.
import { LoomworkError, textOf } from '../shared/errors.ts';
import type { Counts } from '../shared/control.ts';
import type { Message, Packed, PackedArray, Shard } from '../shared/protocol.ts';
import type { Assets } from '../runtime/assets.ts';
import type { Runtime } from '../runtime/runtime.ts';
import type { End, Engine, EngineListener, Task } from '../main/engine.ts';
import { failureOf } from '../main/failure.ts';
import type { CheckedHostOptions } from '../main/options.ts';
import { processesOf } from '../main/plan.ts';
import { Planner, PlannerLost } from '../main/planner.ts';
import { Pieces } from '../main/shards.ts';
import type { LaneStats } from '../main/stats.ts';
import type { ChildOptions, FromChild } from './protocol.ts';
import { ProcessSeat } from './seat.ts';

/** Shards for each child: what one has done early, another need not wait for. */
const SHARDS_EACH = 3;
/** Children are given jobs ahead for so much time of work, so that they need not wait for this process. */
const AHEAD_MS = 4;
/** So many at most. */
const MOST_AHEAD = 64;
/** A shard whose child died so often is given back with its job. */
const MOST_RUNS = 3;
/** Beyond a kernel's grace, a child has so long to say that it has stopped. */
const STOP_MS = 2000;
/** Pauses before a child that could not be started is tried again. */
const RETRY_START_MS = [0, 50, 200, 800, 2000];

/**
 * @param path of process.node.js
 * @throws LoomworkError START_FAILED, UNSUPPORTED
 */
export async function startProcesses(runtime: Runtime, path: URL, options: CheckedHostOptions, threads: number, listener: EngineListener): Promise<Engine> {
  const count = processesOf(options, runtime);
  const engine = new ProcessEngine(options.assets.process ?? path, options, share(threads, count), listener);
  const planner = Planner.start(runtime, options);
  try {
    await Promise.all([engine.fill(), planner.then((ready) => engine.takePlanner(ready))]);
    return engine;
  } catch (thrown) {
    engine.kill();
    planner.then((started) => void started.close(), () => {});
    throw thrown;
  }
}

/** How many threads each child gets. */
function share(threads: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => Math.max(1, Math.floor(threads / count) + (index < threads % count ? 1 : 0)));
}

/** A task's whole, or one of its shards. */
interface Work {
  /** Its number in the messages. */
  id: number;
  task: Task;
  /** Which shard, or -1. */
  index: number;
  params: Uint8Array;
  arrays: readonly PackedArray[];
  runs: number;
}

/** A child's place. */
interface Place {
  threads: number;
  /** Undefined while another is started. */
  seat: ProcessSeat | undefined;
  works: Map<number, Work>;
  jobs: number;
  busy: number;
  /** When it was given something to do while it had nothing. */
  since: number;
}

/** A task inside. */
interface Inside {
  task: Task;
  /** By `performance.now()`; 0 while it waits. */
  began: number;
  counts: Counts;
  /** What of it waits or is in a child. */
  left: number;
  retries: number;
  pieces?: Pieces;
  cancelled: boolean;
  /** Ends children that do not stop. */
  stopping?: ReturnType<typeof setTimeout>;
}

class ProcessEngine implements Engine {
  readonly keepsGrace = true;
  readonly #path: string | URL;
  readonly #options: CheckedHostOptions;
  readonly #listener: EngineListener;
  readonly #places: Place[];
  readonly #inside = new Map<number, Inside>();
  #planner: Planner | undefined;
  #waiting: Work[] = [];
  #lastWork = 0;
  /** How long works take lately, in milliseconds. */
  #usual = AHEAD_MS;
  #alive = true;
  #closed = false;

  constructor(path: string | URL, options: CheckedHostOptions, shares: number[], listener: EngineListener) {
    this.#path = path;
    this.#options = options;
    this.#listener = listener;
    this.#places = shares.map((threads) => ({ threads, seat: undefined, works: new Map(), jobs: 0, busy: 0, since: 0 }));
  }

  /** Starts all children. */
  async fill(): Promise<void> {
    await Promise.all(this.#places.map((place) => this.#seat(place)));
  }

  takePlanner(planner: Planner): void {
    this.#planner = planner;
  }

  async #seat(place: Place): Promise<void> {
    const seat = await ProcessSeat.start(this.#path, this.#orderFor(place), {
      message: (message) => this.#heed(place, message),
      lost: (reason) => this.#lose(place, reason),
    });
    if (this.#closed) return seat.kill();
    place.seat = seat;
    seat.keepAlive(this.#alive);
  }

  #orderFor({ threads }: Place): { options: ChildOptions; maxProcessMemory: number } {
    const { artifact, maxMemory, concurrency, grace, spin, startTimeout, assets, maxProcessMemory = 0 } = this.#options;
    const options = { threads, artifact, maxMemory, ...(concurrency !== undefined && { concurrency }), grace, spin, startTimeout, assets: addressesOf(assets) };
    return { options, maxProcessMemory };
  }

  get kernels(): readonly string[] {
    return this.#places[0]!.seat!.kernels;
  }

  get size(): number {
    return this.#inside.size;
  }

  hasRoom(): boolean {
    if (this.#closed || this.#waiting.length > 0) return false;
    return this.#places.some((place) => place.works.size < this.#capacity(place));
  }

  /** Works that a child may have at once. One that is being replaced counts: its start takes less time than most jobs are worth. */
  #capacity({ threads, seat }: Place): number {
    return (seat?.concurrency ?? threads) + Math.min(MOST_AHEAD, Math.floor(AHEAD_MS / this.#usual));
  }

  submit(task: Task): void {
    const inside: Inside = { task, began: 0, counts: { done: 0, total: 0 }, left: 1, retries: 0, cancelled: false };
    this.#inside.set(task.id, inside);
    task.slot = 0;
    const idle = this.#places.filter(({ works }) => works.size === 0).length;
    if (idle > 1 && this.#planner?.shardable.has(task.kernel)) void this.#divide(inside, idle);
    else this.#waiting.push(this.#whole(task));
  }

  #whole(task: Task): Work {
    return { id: this.#nextId(), task, index: -1, params: task.params, arrays: task.inputs.arrays, runs: 0 };
  }

  #nextId(): number {
    return (this.#lastWork += 1);
  }

  async #divide(inside: Inside, idle: number): Promise<void> {
    const { task } = inside;
    let shards: Shard[] | undefined;
    try {
      shards = await this.#planner!.split(task, idle * SHARDS_EACH);
    } catch (thrown) {
      if (this.#inside.get(task.id) !== inside) return;
      if (inside.cancelled) return this.#end(inside, { kind: 'cancelled' });
      if (thrown instanceof PlannerLost) return this.#again(inside, thrown.message);
      return this.#end(inside, { kind: 'failed', error: failureOf(thrown) });
    }
    if (this.#inside.get(task.id) !== inside) return;
    if (shards) inside.pieces = new Pieces(task, shards.length, 0);
    if (inside.cancelled) return this.#end(inside, { kind: 'cancelled' });
    if (shards) {
      inside.left = shards.length;
      this.#waiting.push(...shards.map(({ params, arrays }, index): Work => ({ id: this.#nextId(), task, index, params, arrays, runs: 0 })));
    } else this.#waiting.push(this.#whole(task));
    this.flush();
  }

  flush(): void {
    while (this.#waiting.length > 0) {
      // Whoever has least to do for its threads.
      let best: Place | undefined;
      for (const place of this.#places) {
        if (!place.seat || place.works.size >= this.#capacity(place)) continue;
        if (!best || place.works.size / place.threads < best.works.size / best.threads) best = place;
      }
      if (!best) return;
      this.#give(best, this.#waiting.shift()!);
    }
  }

  #give(place: Place, work: Work): void {
    if (place.works.size === 0) place.since = performance.now();
    place.works.set(work.id, work);
    work.runs += 1;
    place.seat!.busy = true;
    place.seat!.run(work.id, work.task.kernel, work.params, work.arrays, work.task.streaming);
  }

  #heed(place: Place, message: Message<FromChild>): void {
    switch (message.type) {
      case 'progress':
        for (const { id, began, done, total } of message.jobs) this.#advance(place.works.get(id), began, { done, total });
        return;
      case 'part':
        return void this.#takePart(place, message);
      case 'end':
        return void this.#takeEnd(place, message);
      case 'crashed':
        return this.#listener.crashed(message.reason);
    }
  }

  #advance(work: Work | undefined, began: number, counts: Counts): void {
    const inside = work && this.#inside.get(work.task.id);
    if (!inside) return;
    if (began > 0) inside.began ||= began - performance.timeOrigin;
    if (work.index >= 0) inside.pieces!.advance(work.index, counts);
    else inside.counts = counts;
  }

  async #takePart(place: Place, { id, number, tree, arrays }: FromChild['part']): Promise<void> {
    // Also when nobody wants it: what is in the pipe must be read.
    const packed = place.seat!.carrier.unpack(arrays);
    const work = place.works.get(id);
    const part = { tree, arrays: packed instanceof Promise ? await packed : packed };
    if (work && this.#inside.has(work.task.id)) this.#listener.part(work.task, number, part);
  }

  async #takeEnd(place: Place, message: FromChild['end']): Promise<void> {
    const seat = place.seat!;
    const coming = message.arrays && seat.carrier.unpack(message.arrays);
    const arrays = coming instanceof Promise ? await coming : coming;
    // The child may have died while the arrays were on their way.
    const work = place.seat === seat ? place.works.get(message.id) : undefined;
    if (!work) return;
    this.#leave(place, work);
    this.#usual += (Math.max(0.01, message.ended - message.started) - this.#usual) / 8;
    const inside = this.#inside.get(work.task.id);
    if (inside) this.#takeOutcome(inside, work, message, arrays && { tree: message.tree, arrays });
    this.flush();
    this.#listener.room();
  }

  #takeOutcome(inside: Inside, work: Work, { kind, error, done, total, started, retries }: FromChild['end'], output: Packed | undefined): void {
    inside.left -= 1;
    inside.retries += retries;
    inside.began ||= started - performance.timeOrigin;
    if (inside.cancelled) {
      if (inside.left === 0) this.#end(inside, { kind: 'cancelled' });
    } else if (kind === 'failed') this.#end(inside, { kind, error });
    else if (kind === 'cancelled') this.#end(inside, { kind: 'failed', error: { code: 'KERNEL_ERROR', message: 'the kernel stopped without being asked to' } });
    else if (work.index < 0) {
      inside.counts = { done, total };
      this.#end(inside, { kind, output });
    } else if (inside.pieces!.add(work.index, output!, { done, total })) void this.#merge(inside);
  }

  async #merge(inside: Inside): Promise<void> {
    const { task } = inside;
    try {
      const output = await this.#planner!.merge(inside.pieces!);
      if (this.#inside.get(task.id) === inside) this.#end(inside, inside.cancelled ? { kind: 'cancelled' } : { kind: 'done', output }, true);
    } catch (thrown) {
      if (this.#inside.get(task.id) !== inside) return;
      if (inside.cancelled) this.#end(inside, { kind: 'cancelled' });
      else if (thrown instanceof PlannerLost) this.#again(inside, thrown.message);
      else this.#end(inside, { kind: 'failed', error: failureOf(thrown) });
    }
    this.#listener.room();
  }

  #leave(place: Place, work: Work): void {
    place.works.delete(work.id);
    place.jobs += 1;
    if (place.works.size > 0) return;
    place.busy += performance.now() - place.since;
    if (place.seat) place.seat.busy = false;
  }

  #end(inside: Inside, how: Pick<End, 'kind'> & Partial<End>, merged = false): void {
    const { task, began, retries } = inside;
    const counts = this.counts(task);
    this.#drop(inside, merged);
    const { timeOrigin } = performance;
    const now = performance.now();
    this.#listener.end(task, { ...counts, ...how, started: timeOrigin + (began || now), ended: timeOrigin + now, heard: now, lane: 0, retries });
  }

  /** Nothing of a task is to be done any more. */
  #drop(inside: Inside, merged = false): void {
    const { task } = inside;
    clearTimeout(inside.stopping);
    this.#inside.delete(task.id);
    this.#waiting = this.#waiting.filter((work) => work.task !== task);
    if (inside.pieces && !merged) this.#planner!.forget(task);
    for (const { seat, works } of this.#places) {
      for (const work of works.values()) if (work.task === task) seat?.send({ type: 'cancel', id: work.id });
    }
    task.slot = -1;
  }

  /** A task that must begin anew. */
  #again(inside: Inside, reason: string): void {
    this.#drop(inside);
    this.#listener.rerun(inside.task, false, reason);
  }

  #lose(place: Place, reason: string): void {
    if (this.#closed) return;
    const { seat } = place;
    const works = [...place.works.values()];
    place.works.clear();
    place.seat = undefined;
    if (works.length > 0) place.busy += performance.now() - place.since;
    this.#listener.crashed(`child process ${seat?.pid} was lost: ${reason}`);
    for (const work of works) {
      const inside = this.#inside.get(work.task.id);
      if (!inside) continue;
      if (inside.cancelled) {
        inside.left -= 1;
        if (inside.left === 0) this.#end(inside, { kind: 'cancelled' });
      } else if (work.index >= 0 && work.runs < MOST_RUNS) {
        inside.retries += 1;
        this.#waiting.unshift(work);
      } else this.#again(inside, reason);
    }
    void this.#replace(place, reason);
    this.flush();
  }

  async #replace(place: Place, reason: string): Promise<void> {
    for (const pause of RETRY_START_MS) {
      if (this.#closed) return;
      try {
        await this.#seat(place);
        if (this.#closed) return;
        this.flush();
        return this.#listener.room();
      } catch (thrown) {
        reason = textOf(thrown);
        await new Promise((resolve) => setTimeout(resolve, pause));
      }
    }
    // No child can be started any more.
    if (!this.#closed) this.#listener.lost(reason, { culprits: [], suspects: [], innocent: this.kill() });
  }

  began({ id }: Task): number {
    return this.#inside.get(id)?.began ?? 0;
  }

  cancel({ id }: Task): void {
    const inside = this.#inside.get(id);
    if (!inside || inside.cancelled) return;
    inside.cancelled = true;
    const waiting = this.#waiting.filter(({ task }) => task.id === id);
    this.#waiting = this.#waiting.filter(({ task }) => task.id !== id);
    inside.left -= waiting.length;
    const places = this.#places.filter(({ works }) => [...works.values()].some(({ task }) => task.id === id));
    for (const { seat, works } of places) {
      for (const work of works.values()) if (work.task.id === id) seat?.send({ type: 'cancel', id: work.id });
    }
    // One that is being split or merged ends when that is done.
    if (places.length === 0) {
      if (waiting.length > 0) this.#end(inside, { kind: 'cancelled' });
      return;
    }
    inside.stopping = setTimeout(() => {
      for (const { seat, works } of this.#places) {
        if ([...works.values()].some(({ task }) => task.id === id)) seat?.fell(`kernel '${inside.task.kernel}' was cancelled, and its process did not say that it stopped`);
      }
    }, this.#options.grace + STOP_MS);
  }

  stream({ id }: Task): void {
    for (const { seat, works } of this.#places) {
      for (const work of works.values()) if (work.task.id === id) seat?.send({ type: 'stream', id: work.id });
    }
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
    for (const { seat } of this.#places) seat?.keepAlive(keep);
  }

  async prepare(): Promise<void> {
    // All children are there from the start.
  }

  get laneCount(): number {
    return this.#places.length;
  }

  lanes(): LaneStats[] {
    const now = performance.now();
    return this.#places.map(({ threads, jobs, busy, works, since }) => ({ threads, jobs, busy: busy + (works.size > 0 ? now - since : 0) }));
  }

  kill(): Task[] {
    this.#closed = true;
    for (const { seat } of this.#places) seat?.kill();
    void this.#planner?.close();
    const tasks = [...this.#inside.values()].map(({ task, stopping }) => {
      clearTimeout(stopping);
      task.slot = -1;
      return task;
    });
    this.#inside.clear();
    return tasks;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#places.map(({ seat }) => seat?.close()), this.#planner?.close()]);
  }
}

/** Assets as another process can have them. */
function addressesOf({ worker, wasm = {} }: Assets): ChildOptions['assets'] {
  const address = (value: string | URL) => (value instanceof URL ? value.href : value);
  const entries = Object.entries(wasm).map(([artifact, value]) => {
    if (typeof value === 'string' || value instanceof URL) return [artifact, address(value)];
    throw new LoomworkError({ code: 'BAD_PARAMS', field: `assets.wasm.${artifact}`, message: `assets.wasm.${artifact}: must be a URL or a path, for a module cannot be sent to a child process` });
  });
  return { ...(worker !== undefined && { worker: address(worker) }), wasm: Object.fromEntries(entries) as Record<string, string> };
}
