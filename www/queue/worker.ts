// Takes jobs from a queue and runs them on this machine's host.
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { encode } from '@msgpack/msgpack';
import type { Job as QueueJob, Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import { failureOf } from '../host/main/failure.ts';
import type { HostJob } from '../host/main/host-job.ts';
import { openPackedHost, type LocalHost } from '../host/main/host.ts';
import type { HostOptions } from '../host/main/options.ts';
import type { Runtime } from '../host/runtime/runtime.ts';
import type { ErrorCode } from '../host/shared/generated.ts';
import { VERSION } from '../host/shared/package.ts';
import type { Packed } from '../host/shared/protocol.ts';
import { connect, loadLibraries, PREFIX, shownAddress, type Libraries } from './connection.ts';
import { checkQueueOptions, type ArrayStore, type CheckedQueueOptions } from './options.ts';
import { GATHER, keys, reasonOf, type GatherData, type PartEntry, type UnitData, type UnitProgress, type UnitResult, type WorkerCard } from './protocol.ts';
import type { QueueWorker, WorkerOptions, WorkerStats } from './queue-worker.ts';
import { getArrays, putArrays, redisStore } from './store.ts';

/** What Redis is to hear at the end, it hears in so long. */
const IDLE_MS = 1000;
/** How often progress is told. */
const PROGRESS_MS = 100;
/** How often a worker says that it is there, and after how long it is taken for gone. */
const CARD_MS = 5000;
const CARD_SECONDS = 15;
/** Failures that another try, perhaps on another machine, may mend. The others are the params' own. */
const WORTH_ANOTHER: ErrorCode[] = ['KERNEL_CRASH', 'OUT_OF_MEMORY', 'PROCESS_LOST', 'QUEUE_LOST', 'UNKNOWN_KERNEL', 'START_FAILED'];
/** A job may lose its worker so often. */
const MOST_STALLS = 3;

/** @throws LoomworkError START_FAILED, UNSUPPORTED or BAD_PARAMS */
export async function startWorkerIn(runtime: Runtime, { concurrency = 2, host: hostOptions, ...queue }: WorkerOptions): Promise<QueueWorker> {
  const options = checkQueueOptions(queue);
  const libraries = await loadLibraries();
  const connection = await connect(libraries, options, hostOptions?.startTimeout ?? 30_000);
  let host: LocalHost;
  try {
    host = await openPackedHost(runtime, hostOptions as HostOptions);
  } catch (thrown) {
    connection.disconnect();
    throw thrown;
  }
  const worker = new Taker(libraries, options, connection, host, concurrency);
  await worker.start();
  return worker;
}

type Listener = Parameters<QueueWorker['onEnd']>[0];

class Taker implements QueueWorker {
  readonly address: string;
  readonly concurrency: number;
  readonly stats: WorkerStats = { done: 0, failed: 0, cancelled: 0, running: 0 };
  readonly #bullmq: Libraries['bullmq'];
  readonly #options: CheckedQueueOptions;
  readonly #connection: Redis;
  readonly #cancels: Redis;
  readonly #host: LocalHost;
  readonly #store: ArrayStore;
  readonly #worker: Worker<UnitData | GatherData, unknown>;
  readonly #id = randomUUID();
  readonly #running = new Map<HostJob, string>();
  readonly #listeners = new Set<Listener>();
  #cards: ReturnType<typeof setInterval> | undefined;

  constructor({ bullmq }: Libraries, options: CheckedQueueOptions, connection: Redis, host: LocalHost, concurrency: number) {
    this.address = shownAddress(options.redis);
    this.concurrency = concurrency;
    this.#bullmq = bullmq;
    this.#options = options;
    this.#connection = connection;
    this.#cancels = connection.duplicate();
    this.#host = host;
    this.#store = options.store ?? redisStore(connection);
    this.#worker = new bullmq.Worker(options.name, (job) => this.#process(job), {
      connection, prefix: PREFIX, concurrency, autorun: false, lockDuration: options.lock, stalledInterval: Math.ceil(options.lock / 2), maxStalledCount: MOST_STALLS,
    });
    // Each is told again by what it breaks; a connection comes back by itself.
    for (const emitter of [this.#worker, this.#cancels]) emitter.on('error', () => {});
  }

  get threads(): number {
    return this.#host.threads;
  }

  async start(): Promise<void> {
    const channel = keys.cancels(this.#options.name);
    await this.#cancels.connect().catch(() => {});
    await this.#cancels.subscribe(channel);
    this.#cancels.on('message', (_, task: string) => {
      for (const [job, of] of this.#running) if (of === task) job.cancel();
    });
    await this.#tellCard();
    this.#cards = setInterval(() => void this.#tellCard(), CARD_MS);
    void this.#worker.run();
    await this.#worker.waitUntilReady();
  }

  onEnd(listener: Listener): void {
    this.#listeners.add(listener);
  }

  async close(drain = 30_000): Promise<void> {
    clearInterval(this.#cards);
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<'late'>((resolve) => {
      timer = setTimeout(() => resolve('late'), drain);
    });
    // With nothing to end, only Redis is waited for, which may be away.
    const idle = async (): Promise<'late'> => {
      await pause(IDLE_MS);
      while (this.stats.running > 0) await pause(50);
      await pause(IDLE_MS);
      return 'late';
    };
    const ended = await Promise.race([this.#worker.close(), late, idle()]);
    clearTimeout(timer);
    if (ended === 'late') {
      for (const job of this.#running.keys()) job.cancel();
      await Promise.race([this.#worker.close(true), pause(IDLE_MS)]);
    }
    await Promise.race([this.#connection.unlink(keys.worker(this.#options.name, this.#id)).catch(() => {}), pause(IDLE_MS)]);
    this.#cancels.disconnect();
    this.#connection.disconnect();
    await this.#host.close();
  }

  async #tellCard(): Promise<void> {
    const card: WorkerCard = { version: VERSION, kernels: this.#host.kernels, machine: hostname(), concurrency: this.concurrency, threads: this.#host.threads };
    await this.#connection.set(keys.worker(this.#options.name, this.#id), JSON.stringify(card), 'EX', CARD_SECONDS).catch(() => {});
  }

  async #process(job: QueueJob<UnitData | GatherData>): Promise<unknown> {
    if (job.name === GATHER) return this.#gather(job as QueueJob<GatherData>);
    const { data } = job as QueueJob<UnitData>;
    const began = performance.now();
    this.stats.running += 1;
    let outcome: 'done' | 'failed' | 'cancelled' = 'failed';
    let error: string | undefined;
    try {
      const result = await this.#run(job.id!, data, (progress) => void job.updateProgress(progress as never).catch(() => {}));
      outcome = 'done';
      return result;
    } catch (thrown) {
      if (thrown instanceof Cancelled) {
        outcome = 'cancelled';
        throw new this.#bullmq.UnrecoverableError('cancelled');
      }
      const failure = failureOf(thrown);
      error = `${failure.code}: ${failure.message}`;
      const reason = reasonOf(failure);
      throw WORTH_ANOTHER.includes(failure.code) ? new Error(reason) : new this.#bullmq.UnrecoverableError(reason);
    } finally {
      this.stats.running -= 1;
      this.stats[outcome] += 1;
      for (const tell of this.#listeners) tell({ id: job.id!, kernel: data.kernel, shard: data.index, outcome, milliseconds: performance.now() - began, ...(error && { error }) });
    }
  }

  /** All shards are done: what each gave, by its number. */
  async #gather(job: QueueJob<GatherData>): Promise<UnitResult[]> {
    const results = Object.values(await job.getChildrenValues<UnitResult>());
    const found = new Set(results.map(({ index }) => index));
    if (results.length !== job.data.gather || found.size !== results.length) throw new Error(`${results.length} results of ${found.size} shards, not ${job.data.gather}`);
    return results.sort((a, b) => a.index - b.index);
  }

  async #run(unit: string, data: UnitData, tell: (progress: UnitProgress) => void): Promise<UnitResult> {
    const { name } = this.#options;
    const { kernel, task, index, keep } = data;
    const isCancelled = async () => (await this.#connection.exists(keys.cancelled(name, task))) > 0;
    if (await isCancelled()) throw new Cancelled();
    const arrays = await getArrays(this.#store, data.arrays, (bytes) => new SharedArrayBuffer(bytes));
    const bytes = arrays.reduce((sum, { buffer }) => sum + buffer.byteLength, 0);
    const job = this.#host.runPacked(kernel, Buffer.from(data.params, 'base64'), { arrays, transfer: [], bytes }, {});
    // It may fail before it is waited for below.
    job.catch(() => {});
    this.#running.set(job, task);
    const parts = data.streaming ? this.#sendParts(unit, data, job) : Promise.resolve(0);
    const beganAt = () => performance.timeOrigin + job.created + job.timing.queued;
    let told = -1;
    const progress = setInterval(() => {
      const { done, total } = job.progress;
      if (job.state !== 'running' || done === told) return;
      told = done;
      tell({ done, total, began: beganAt() });
    }, PROGRESS_MS);
    try {
      // The word may have come between the look and the subscription's memory of the job.
      if (await isCancelled()) job.cancel();
      const output = (await job) as Packed;
      const sent = await parts;
      const { done, total } = job.progress;
      const refs = await putArrays(this.#store, output.arrays, keep, (at) => keys.array(name, `${unit}-out`, at));
      const started = beganAt();
      return { index, tree: Buffer.from(encode(output.tree)).toString('base64'), arrays: refs, done, total, started, ended: started + job.timing.running, retries: job.retries, parts: sent };
    } catch (thrown) {
      await job.stopped;
      if (job.state === 'cancelled') throw new Cancelled();
      throw thrown;
    } finally {
      clearInterval(progress);
      this.#running.delete(job);
    }
  }

  /** Sends parts as they come; how many there were. */
  async #sendParts(unit: string, { task, keep }: UnitData, job: HostJob): Promise<number> {
    const { name } = this.#options;
    const stream = keys.parts(name, task);
    let count = 0;
    try {
      for await (const { number, part } of job as AsyncIterable<unknown> as AsyncIterable<{ number: number; part: Packed }>) {
        const refs = await putArrays(this.#store, part.arrays, keep, (at) => keys.array(name, `${unit}-part-${number}`, at));
        const entry: PartEntry = { number, tree: Buffer.from(encode(part.tree)).toString('base64'), arrays: refs };
        await this.#connection.multi().xadd(stream, '*', 'part', JSON.stringify(entry)).expire(stream, keep).exec();
        count += 1;
      }
    } catch {
      // The job's end says so.
    }
    return count;
  }
}

const pause = (milliseconds: number) => new Promise<void>((resolve) => setTimeout(resolve, milliseconds));

/** Its caller does not want it any more. */
class Cancelled extends Error {}
