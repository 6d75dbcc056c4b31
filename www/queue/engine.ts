// The `queue` backend: jobs go through BullMQ on Redis to workers on any number of machines. What divides becomes a flow: its shards, and a job
// that waits for all of them; what they gave is put together here, where the plan is.
import { randomUUID } from 'node:crypto';
import { decode } from '@msgpack/msgpack';
import type { FlowProducer, JobsOptions, Queue, QueueEvents } from 'bullmq';
import type { Redis } from 'ioredis';
import type { End, Engine, EngineListener, Task } from '../host/main/engine.ts';
import { failureOf } from '../host/main/failure.ts';
import type { CheckedHostOptions } from '../host/main/options.ts';
import { Planner, PlannerLost } from '../host/main/planner.ts';
import { Pieces } from '../host/main/shards.ts';
import type { LaneStats } from '../host/main/stats.ts';
import type { Runtime } from '../host/runtime/runtime.ts';
import type { Counts } from '../host/shared/control.ts';
import type { Failure } from '../host/shared/errors.ts';
import { VERSION } from '../host/shared/package.ts';
import type { Packed, PackedArray, Shard } from '../host/shared/protocol.ts';
import { connect, loadLibraries, PREFIX, shownAddress, type Libraries } from './connection.ts';
import type { ArrayStore, CheckedQueueOptions } from './options.ts';
import { failureIn, GATHER, keys, type GatherData, type PartEntry, type UnitData, type UnitProgress, type UnitResult, type WorkerCard } from './protocol.ts';
import { getArrays, keysOf, putArrays, redisStore } from './store.ts';

/** Shards for each job that the workers run at once: what one has done early, another need not wait for. */
const SHARDS_EACH = 2;
const MOST_SHARDS = 64;
/** As long as no worker is known. */
const SHARDS_UNKNOWN = 4;
/** Tasks that are in the queue at once: the others wait here, in this host's order. */
const MOST_INSIDE = 64;
/** How often what was heard is compared with what is: an event may be lost when Redis goes away. */
const LOOK_MS = 2000;
/** How often the workers are counted. */
const COUNT_MS = 5000;
/** Beyond a kernel's grace, its worker has so long to say that it has stopped. */
const STOP_MS = 3000;
/** Parts that were sent are waited for so long. */
const PARTS_MS = 5000;
/** A read of parts waits for so long in Redis. */
const BLOCK_MS = 1000;
/** Answers stay in the queue for so long, for who looks late; failures longer, for who wants to know. */
const DONE = { age: 3600, count: 1000 };
const FAILED = { age: 7 * 24 * 3600, count: 1000 };
/** Before a job is tried again, doubled each time. */
const BACKOFF_MS = 500;

/** @throws LoomworkError START_FAILED, UNSUPPORTED */
export async function startQueue(runtime: Runtime, options: CheckedHostOptions, listener: EngineListener): Promise<Engine> {
  const queue = options.queue!;
  const libraries = await loadLibraries();
  const connection = await connect(libraries, queue, options.startTimeout);
  let planner: Planner | undefined;
  try {
    planner = await Planner.start(runtime, options);
    const engine = new QueueEngine(libraries, connection, options, queue, planner, listener);
    await engine.open();
    return engine;
  } catch (thrown) {
    connection.disconnect();
    void planner?.close();
    throw thrown;
  }
}

/** A task inside. */
interface Inside {
  task: Task;
  /** Its name in the queue: another each time that it runs. */
  key: string;
  /** The job whose end is the task's: its whole, or the one that waits for its shards. */
  root: string;
  /** When it was given to the queue; 0 while it is on its way there. */
  sent: number;
  began: number;
  counts: Counts;
  pieces?: Pieces;
  cancelled: boolean;
  stopping?: ReturnType<typeof setTimeout>;
  /** Why a shard failed, which its root's failure does not tell. */
  reason?: string;
  /** Places of its arrays outside of the queue. */
  kept: string[];
  /** It has ended for the queue: what is left is to fetch what it gave. */
  ending: boolean;
  partsHeard: number;
  reading?: Promise<void>;
}

class QueueEngine implements Engine {
  readonly kernels: readonly string[];
  readonly keepsGrace = true;
  readonly #options: CheckedHostOptions;
  readonly #queueOptions: CheckedQueueOptions;
  readonly #connection: Redis;
  readonly #queue: Queue;
  readonly #flows: FlowProducer;
  readonly #events: QueueEvents;
  readonly #eventsConnection: Redis;
  #partsConnection: Redis | undefined;
  readonly #planner: Planner;
  readonly #store: ArrayStore;
  readonly #listener: EngineListener;
  readonly #host = randomUUID().slice(0, 8);
  #lastRun = 0;
  readonly #inside = new Map<number, Inside>();
  /** By the job in the queue, and which shard it is. */
  readonly #units = new Map<string, { inside: Inside; index: number }>();
  readonly #timers: ReturnType<typeof setInterval>[] = [];
  #workers: WorkerCard[] = [];
  #jobs = 0;
  #gone = 0;
  #closed = false;

  constructor({ bullmq }: Libraries, connection: Redis, options: CheckedHostOptions, queue: CheckedQueueOptions, planner: Planner, listener: EngineListener) {
    this.#options = options;
    this.#queueOptions = queue;
    this.#connection = connection;
    this.#listener = listener;
    this.#planner = planner;
    this.kernels = planner.kernels;
    this.#store = queue.store ?? redisStore(connection);
    this.#eventsConnection = connection.duplicate();
    this.#queue = new bullmq.Queue(queue.name, { connection, prefix: PREFIX });
    this.#flows = new bullmq.FlowProducer({ connection, prefix: PREFIX });
    this.#events = new bullmq.QueueEvents(queue.name, { connection: this.#eventsConnection, prefix: PREFIX, autorun: false, lastEventId: `${Date.now() - 60_000}-0` });
    // Each is told again by what it breaks; a connection comes back by itself.
    const ignore = () => {};
    this.#queue.on('error', ignore);
    this.#flows.on('error', ignore);
    this.#events.on('error', ignore);
    this.#eventsConnection.on('error', ignore);
  }

  async open(): Promise<void> {
    this.#events.on('active', ({ jobId }) => this.#begin(jobId));
    this.#events.on('progress', ({ jobId, data }) => this.#advance(jobId, data as unknown as UnitProgress));
    this.#events.on('completed', ({ jobId, returnvalue }) => this.#complete(jobId, returnvalue as unknown));
    this.#events.on('failed', ({ jobId, failedReason }) => this.#failed(jobId, failedReason));
    void this.#events.run().catch(() => {});
    this.#connection.on('close', () => {
      this.#gone ||= performance.now();
    });
    this.#connection.on('ready', () => {
      this.#gone = 0;
    });
    await this.#countWorkers();
    this.#timers.push(setInterval(() => void this.#look(), LOOK_MS), setInterval(() => void this.#countWorkers(), COUNT_MS));
  }

  get size(): number {
    return this.#inside.size;
  }

  hasRoom(): boolean {
    return !this.#closed && this.#inside.size < MOST_INSIDE;
  }

  submit(task: Task): void {
    const key = `${this.#host}-${task.id}-${(this.#lastRun += 1)}`;
    const inside: Inside = { task, key, root: key, sent: 0, began: 0, counts: { done: 0, total: 0 }, cancelled: false, kept: [], ending: false, partsHeard: 0 };
    this.#inside.set(task.id, inside);
    task.slot = 0;
    this.#send(inside).catch((thrown: unknown) => {
      if (!this.#holds(inside)) return;
      if (inside.cancelled) this.#end(inside, { kind: 'cancelled' });
      else if (thrown instanceof PlannerLost) this.#again(inside, thrown.message);
      else this.#end(inside, { kind: 'failed', error: failureOf(thrown) });
    });
  }

  #holds(inside: Inside): boolean {
    return this.#inside.get(inside.task.id) === inside;
  }

  async #send(inside: Inside): Promise<void> {
    const { task, key } = inside;
    const { name, attempts } = this.#queueOptions;
    const shards = this.#planner.shardable.has(task.kernel) ? await this.#planner.split(task, this.#pieces()) : undefined;
    if (!this.#holds(inside)) return shards && this.#planner.forget(task);
    if (shards) inside.pieces = new Pieces(task, shards.length, 0);
    if (inside.cancelled) return this.#end(inside, { kind: 'cancelled' });
    const options: JobsOptions = { attempts, backoff: { type: 'exponential', delay: BACKOFF_MS }, removeOnComplete: DONE, removeOnFail: FAILED };
    // Heard of from here on: it may be done before the queue has answered that it has it.
    if (task.streaming) inside.reading = this.#readParts(inside);
    if (!shards) {
      const data = await this.#dataOf(inside, task, -1, key);
      if (!this.#holds(inside)) return void this.#forget(keysOf(data.arrays));
      this.#units.set(key, { inside, index: -1 });
      await this.#queue.add(task.kernel, data, { ...options, jobId: key });
    } else {
      const units = await Promise.all(shards.map((shard, index) => this.#dataOf(inside, shard, index, `${key}-${index}`)));
      if (!this.#holds(inside)) return void this.#forget(units.flatMap(({ arrays }) => keysOf(arrays)));
      inside.root = `${key}-all`;
      this.#units.set(inside.root, { inside, index: -1 });
      units.forEach((_, index) => this.#units.set(`${key}-${index}`, { inside, index }));
      const gather: GatherData = { gather: units.length, task: key };
      const children = units.map((data, index) => ({ name: task.kernel, queueName: name, data, opts: { ...options, jobId: `${key}-${index}`, failParentOnFailure: true } }));
      await this.#flows.add({ name: GATHER, queueName: name, data: gather, opts: { ...options, jobId: inside.root }, children });
    }
    inside.sent = performance.now();
    // It was cancelled on its way: nobody was told yet.
    if (this.#holds(inside) && inside.cancelled) void this.#tellCancel(inside);
  }

  #pieces(): number {
    const lanes = this.#workers.reduce((sum, { concurrency }) => sum + concurrency, 0);
    return lanes === 0 ? SHARDS_UNKNOWN : Math.min(MOST_SHARDS, lanes * SHARDS_EACH);
  }

  async #dataOf({ task, key, kept }: Inside, what: Task | Shard, index: number, unit: string): Promise<UnitData> {
    const { name, keep } = this.#queueOptions;
    const arrays: readonly PackedArray[] = 'inputs' in what ? what.inputs.arrays : what.arrays;
    const refs = await putArrays(this.#store, arrays, keep, (at) => keys.array(name, unit, at));
    kept.push(...keysOf(refs));
    return { version: VERSION, kernel: task.kernel, task: key, index, params: Buffer.from(what.params).toString('base64'), arrays: refs, streaming: task.streaming, keep };
  }

  flush(): void {
    // Each goes when it is submitted.
  }

  #begin(id: string): void {
    const unit = this.#units.get(id);
    if (unit && (unit.index >= 0 || !unit.inside.pieces)) unit.inside.began ||= performance.now();
  }

  #advance(id: string, { done, total, began }: UnitProgress): void {
    const unit = this.#units.get(id);
    if (!unit) return;
    const { inside, index } = unit;
    inside.began ||= began - performance.timeOrigin;
    if (index >= 0) inside.pieces!.advance(index, { done, total });
    else inside.counts = { done, total };
  }

  #complete(id: string, value: unknown): void {
    const unit = this.#units.get(id);
    if (!unit || unit.inside.ending || id !== unit.inside.root) return;
    const { inside } = unit;
    inside.ending = true;
    const results = (typeof value === 'string' ? JSON.parse(value) : value) as UnitResult | UnitResult[];
    this.#fetch(inside, Array.isArray(results) ? results : [results]).catch((thrown: unknown) => {
      if (!this.#holds(inside)) return;
      if (inside.cancelled) this.#end(inside, { kind: 'cancelled' });
      else if (thrown instanceof PlannerLost) this.#again(inside, thrown.message);
      else this.#end(inside, { kind: 'failed', error: failureOf(thrown) });
    });
  }

  /** Gets what a task gave, and ends it. */
  async #fetch(inside: Inside, results: UnitResult[]): Promise<void> {
    const { task, pieces } = inside;
    const begun = Math.min(...results.map(({ started }) => started));
    inside.began = begun - performance.timeOrigin;
    inside.kept.push(...results.flatMap(({ arrays }) => keysOf(arrays)));
    if (inside.cancelled) return this.#end(inside, { kind: 'cancelled' });
    const outputs = await Promise.all(results.map(async ({ tree, arrays }): Promise<Packed> => ({ tree: decode(Buffer.from(tree, 'base64')), arrays: await getArrays(this.#store, arrays, (bytes) => new ArrayBuffer(bytes)) })));
    await this.#awaitParts(inside, results.reduce((sum, { parts }) => sum + parts, 0));
    if (!this.#holds(inside)) return;
    const retries = results.reduce((sum, result) => sum + result.retries, 0);
    if (!pieces) {
      inside.counts = results[0]!;
      return this.#end(inside, { kind: 'done', output: outputs[0], retries });
    }
    results.forEach(({ done, total }, index) => pieces.add(index, outputs[index]!, { done, total }));
    const output = await this.#planner.merge(pieces);
    if (this.#holds(inside)) this.#end(inside, inside.cancelled ? { kind: 'cancelled' } : { kind: 'done', output, retries }, true);
    else this.#planner.forget(task);
  }

  #failed(id: string, reason: string): void {
    const unit = this.#units.get(id);
    if (!unit || unit.inside.ending) return;
    const { inside } = unit;
    // A shard's own words; its root says no more than that it failed.
    if (id !== inside.root) {
      inside.reason ??= reason;
      return;
    }
    if (inside.pieces && inside.reason === undefined) return void this.#askShards(inside, reason);
    this.#giveUp(inside, inside.reason ?? reason);
  }

  #giveUp(inside: Inside, reason: string): void {
    if (!this.#holds(inside)) return;
    if (inside.cancelled) this.#end(inside, { kind: 'cancelled' });
    else if (reason === 'cancelled') this.#end(inside, { kind: 'failed', error: { code: 'KERNEL_ERROR', message: 'the job was cancelled by somebody else' } });
    else this.#end(inside, { kind: 'failed', error: failureIn(reason) });
  }

  /** The event of the shard's failure was lost: its job still tells. */
  async #askShards(inside: Inside, reason: string): Promise<void> {
    for (const [id, unit] of this.#units) {
      if (unit.inside !== inside || id === inside.root) continue;
      const job = await this.#queue.getJob(id).catch(() => undefined);
      if (job?.failedReason) return this.#giveUp(inside, job.failedReason);
    }
    this.#giveUp(inside, reason);
  }

  #end(inside: Inside, how: Pick<End, 'kind'> & Partial<End>, merged = false): void {
    const { task, began } = inside;
    const counts = this.counts(task);
    this.#drop(inside, merged);
    this.#jobs += 1;
    const now = performance.now();
    const { timeOrigin } = performance;
    this.#listener.end(task, { ...counts, ...how, started: timeOrigin + (began || now), ended: timeOrigin + now, heard: now, lane: 0 });
    this.#listener.room();
  }

  #drop(inside: Inside, merged = false): void {
    const { task } = inside;
    clearTimeout(inside.stopping);
    this.#inside.delete(task.id);
    for (const [id, unit] of this.#units) if (unit.inside === inside) this.#units.delete(id);
    if (inside.pieces && !merged) this.#planner.forget(task);
    this.#forget([...inside.kept, ...(inside.reading ? [keys.parts(this.#queueOptions.name, inside.key)] : [])]);
    task.slot = -1;
  }

  /** They would expire, but memory is dear. */
  #forget(kept: string[]): void {
    if (kept.length > 0) void this.#store.delete(kept).catch(() => {});
  }

  #again(inside: Inside, reason: string): void {
    this.#drop(inside);
    this.#listener.rerun(inside.task, false, reason);
  }

  // ── What is, beside what was heard ─────────────────────────────────────────────────────────────────────────────────────────────────

  async #look(): Promise<void> {
    if (this.#gone > 0 && performance.now() - this.#gone > this.#queueOptions.patience) {
      const error: Failure = { code: 'QUEUE_LOST', message: `Redis at ${shownAddress(this.#queueOptions.redis)} has been away for more than ${this.#queueOptions.patience} ms` };
      for (const inside of [...this.#inside.values()]) this.#end(inside, inside.cancelled ? { kind: 'cancelled' } : { kind: 'failed', error });
      return;
    }
    if (this.#gone > 0) return;
    for (const inside of [...this.#inside.values()]) {
      if (inside.sent === 0 || inside.ending || performance.now() - inside.sent < LOOK_MS) continue;
      try {
        await this.#lookAt(inside);
      } catch {
        // Redis is gone again.
        return;
      }
    }
  }

  async #lookAt(inside: Inside): Promise<void> {
    const job = await this.#queue.getJob(inside.root);
    if (!this.#holds(inside) || inside.ending) return;
    if (!job) {
      if (inside.cancelled) this.#end(inside, { kind: 'cancelled' });
      else this.#again(inside, 'Redis has lost the job');
      return;
    }
    const state = await job.getState();
    if (state === 'completed') this.#complete(inside.root, job.returnvalue);
    else if (state === 'failed') this.#failed(inside.root, job.failedReason);
  }

  async #countWorkers(): Promise<void> {
    try {
      const cards: WorkerCard[] = [];
      const stream = this.#connection.scanStream({ match: keys.worker(this.#queueOptions.name, '*'), count: 1000 });
      for await (const found of stream as AsyncIterable<string[]>) {
        if (found.length > 0) for (const text of await this.#connection.mget(...found)) if (text) cards.push(JSON.parse(text) as WorkerCard);
      }
      this.#workers = cards;
    } catch {
      // As many as before.
    }
  }

  // ── Parts ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

  async #readParts(inside: Inside): Promise<void> {
    const stream = keys.parts(this.#queueOptions.name, inside.key);
    // A connection of its own: a read that waits holds it.
    this.#partsConnection ??= this.#connection.duplicate({ lazyConnect: false });
    this.#partsConnection.on('error', () => {});
    for (let last = '0'; this.#holds(inside) && !this.#closed; ) {
      const found = await this.#partsConnection.xread('COUNT', 100, 'BLOCK', BLOCK_MS, 'STREAMS', stream, last).catch(() => null);
      for (const [id, [, text]] of (found?.[0]?.[1] ?? []) as [string, [string, string]][]) {
        last = id;
        await this.#takePart(inside, JSON.parse(text) as PartEntry);
      }
    }
  }

  async #takePart(inside: Inside, { number, tree, arrays }: PartEntry): Promise<void> {
    inside.kept.push(...keysOf(arrays));
    try {
      const part = { tree: decode(Buffer.from(tree, 'base64')), arrays: await getArrays(this.#store, arrays, (bytes) => new ArrayBuffer(bytes)) };
      if (this.#holds(inside)) this.#listener.part(inside.task, number, part);
    } catch (thrown) {
      if (this.#holds(inside)) this.#listener.spoiled(inside.task, failureOf(thrown));
    }
    inside.partsHeard += 1;
  }

  /** A unit that ran twice has sent some parts twice: so many at least come. */
  async #awaitParts(inside: Inside, sent: number): Promise<void> {
    if (!inside.reading) return;
    const until = performance.now() + PARTS_MS;
    while (inside.partsHeard < sent && this.#holds(inside) && performance.now() < until) await new Promise((resolve) => setTimeout(resolve, 5));
  }

  // ── As every engine ────────────────────────────────────────────────────────────────────────────────────────────────────────────────

  began({ id }: Task): number {
    return this.#inside.get(id)?.began ?? 0;
  }

  cancel({ id }: Task): void {
    const inside = this.#inside.get(id);
    if (!inside || inside.cancelled) return;
    inside.cancelled = true;
    if (inside.sent > 0) void this.#tellCancel(inside);
  }

  async #tellCancel(inside: Inside): Promise<void> {
    const { name, keep } = this.#queueOptions;
    inside.stopping = setTimeout(() => {
      if (this.#holds(inside)) this.#end(inside, { kind: 'cancelled' });
    }, this.#options.grace + STOP_MS);
    try {
      await this.#connection.set(keys.cancelled(name, inside.key), '1', 'EX', keep);
      await this.#connection.publish(keys.cancels(name), inside.key);
      // What no worker has yet need not wait for one.
      const job = await this.#queue.getJob(inside.root);
      await job?.removeUnprocessedChildren().catch(() => {});
      const removed = await this.#queue.remove(inside.root, { removeChildren: true });
      if (removed === 1 && this.#holds(inside)) this.#end(inside, { kind: 'cancelled' });
    } catch {
      // Held by a worker, which has heard of it; or Redis is away, and the bound above ends it.
    }
  }

  stream(): void {
    // A worker asks only once, when the job begins.
  }

  counts({ id }: Task): Counts {
    const inside = this.#inside.get(id);
    return inside?.pieces?.counts ?? inside?.counts ?? { done: 0, total: 0 };
  }

  release(): void {
    // Outputs are always copies.
  }

  keepAlive(keep: boolean): void {
    for (const timer of this.#timers) {
      if (keep) timer.ref();
      else timer.unref();
    }
    for (const connection of [this.#connection, this.#eventsConnection, this.#partsConnection]) {
      const stream = (connection as unknown as { stream?: { ref?(): void; unref?(): void } } | undefined)?.stream;
      if (keep) stream?.ref?.();
      else stream?.unref?.();
    }
  }

  async prepare(): Promise<void> {
    // Others are ready, or not.
  }

  get laneCount(): number {
    return Math.max(1, this.#workers.reduce((sum, { concurrency }) => sum + concurrency, 0));
  }

  lanes(): LaneStats[] {
    return [{ threads: this.#workers.reduce((sum, { threads }) => sum + threads, 0), jobs: this.#jobs, busy: 0 }];
  }

  kill(): Task[] {
    const tasks = [...this.#inside.values()].map(({ task, stopping }) => {
      clearTimeout(stopping);
      task.slot = -1;
      return task;
    });
    this.#inside.clear();
    void this.close();
    return tasks;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    for (const timer of this.#timers) clearInterval(timer);
    // Ours to end, also when Redis does not answer.
    const ended = Promise.allSettled([this.#events.close(), this.#queue.close(), this.#flows.close(), this.#planner.close()]);
    await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, STOP_MS).unref())]);
    for (const connection of [this.#connection, this.#eventsConnection, this.#partsConnection]) connection?.disconnect();
  }
}
