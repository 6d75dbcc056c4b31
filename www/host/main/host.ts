// The host: takes jobs, lets them wait in a fair order, hands them to its engine, and answers each exactly once, whatever happens to the engine.
import { Encoder } from '@msgpack/msgpack';
import { closest, distance } from 'fastest-levenshtein';
import { badParams, LoomworkError, readable, textOf, type Failure } from '../shared/errors.ts';
import { pack, unpack } from '../shared/pack.ts';
import type { Artifact } from '../shared/artifact.ts';
import type { TypedArray } from '../shared/generated.ts';
import type { Packed, PackedArray } from '../shared/protocol.ts';
import type { Runtime } from '../runtime/runtime.ts';
import type { Host, HostEvents } from './api.ts';
import { LEAST, strays } from './arena.ts';
import type { End, Engine, EngineListener, Task } from './engine.ts';
import { startInline } from './inline.ts';
import { HostJob } from './host-job.ts';
import { mapJobs } from './map.ts';
import { checkHostOptions, checkRunOptions, checkThreads, show, type Backend, type CheckedHostOptions, type HostOptions, type RunOptions } from './options.ts';
import { makePlan, type Plan } from './plan.ts';
import { JobQueue } from './queue.ts';
import { stage, type Staged } from './stage.ts';
import { Stats, type HostStats, type Trace } from './stats.ts';
import { startThreads } from './threads.ts';
import { startWorkers } from './workers.ts';

/** How often progress is told to a caller who asked for it. */
const PROGRESS_INTERVAL_MS = 50;
/** A job around which so many instances died, perhaps by its doing, is not run again. */
const MOST_CRASHES = 2;
/** A job around which so many instances died is run alone: if another dies, it is clear whose doing it is. */
const ALONE_AFTER = 3;
/** Pauses before an instance that could not be started is tried again: what is short may come back (memory of those that died). */
const RETRY_START_MS = [0, 50, 100, 200, 400, 800, 1600];
/**
 * A start in the place of an instance that was lost is tried anew when it takes so many times what the first one took, and longer each time. Not
 * every runtime tells that a worker is ended before it has loaded: nobody should wait for `startTimeout` then.
 */
const PATIENCE = 10;
const LEAST_PATIENCE_MS = 3000;

export async function openHost(runtime: Runtime, options?: HostOptions): Promise<Host> {
  return (await openPackedHost(runtime, options)) as unknown as Host;
}

/** A host for those who pass on other hosts' jobs as they are: with {@link LocalHost.runPacked}. */
export async function openPackedHost(runtime: Runtime, options?: HostOptions): Promise<LocalHost> {
  const checked = readable('options', () => checkHostOptions(options));
  const plan = await makePlan(checked, runtime);
  const host = new LocalHost(runtime, checked, plan);
  await host.start();
  return host;
}

/** Jobs are numbered over all hosts: those that share an instance must not confuse them. */
let lastId = 0;
const encoder = new Encoder();
const wideEncoder = new Encoder({ useBigInt64: true });

export class LocalHost {
  readonly #runtime: Runtime;
  readonly #options: CheckedHostOptions;
  readonly #plan: Plan;
  readonly #stats: Stats;
  readonly #queue: JobQueue<HostJob>;
  #module: Promise<WebAssembly.Module> | undefined;
  #engine: Engine | undefined;
  /** Milliseconds until the first one was there. */
  #startTook = 0;
  /** Engines that a resize has replaced, until their jobs are done. */
  readonly #retiring = new Set<Engine>();
  #kernels: readonly string[] = [];
  #kernelNames = new Set<string>();
  /** Jobs of which something is left here or in an engine. */
  #open = 0;
  /** Jobs that were asked for in this turn of the caller's code. */
  #fresh: HostJob[] = [];
  /** Jobs whose arrays are being copied. */
  #staging = 0;
  #paused = false;
  /** The job that is run alone. */
  #alone: HostJob | undefined;
  readonly #watched = new Map<HostJob, NonNullable<RunOptions['onProgress']>>();
  #watchTimer: ReturnType<typeof setInterval> | undefined;
  readonly #graces = new Map<HostJob, ReturnType<typeof setTimeout>>();
  readonly #lenders = new WeakMap<HostJob, Engine>();
  #waitingForRoom: (() => void)[] = [];
  readonly #listeners: { [Name in keyof HostEvents]: Set<(detail: HostEvents[Name]) => void> } = { start: new Set(), crash: new Set(), restart: new Set() };
  #changing: Promise<void> | undefined;
  #closing: Promise<void> | undefined;
  #drained: (() => void) | undefined;
  /** Set when a lost engine could not be replaced. */
  #broken: unknown;

  constructor(runtime: Runtime, options: CheckedHostOptions, plan: Plan) {
    this.#runtime = runtime;
    this.#options = options;
    this.#plan = plan;
    this.#stats = new Stats(options.traceJobs);
    this.#queue = new JobQueue(options.aging);
  }

  get backend(): Backend {
    return this.#plan.backend;
  }
  get why(): string {
    return this.#plan.why;
  }
  get threads(): number {
    return this.#plan.threads;
  }
  get artifact(): Artifact {
    return this.#plan.artifact;
  }
  get kernels(): readonly string[] {
    return this.#kernels;
  }

  // ── Engines ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

  async start(): Promise<void> {
    const begun = performance.now();
    const engine = await this.#startEngine(this.#plan.threads);
    this.#startTook = performance.now() - begun;
    this.#kernels = engine.kernels;
    this.#kernelNames = new Set(engine.kernels);
    this.#install(engine);
    this.#tell('start', { threads: this.#plan.threads, milliseconds: this.#startTook });
  }

  #install(engine: Engine): void {
    this.#engine = engine;
    this.#stats.newLanes();
    engine.keepAlive(this.#open > 0);
  }

  async #startEngine(threads: number, startTimeout = this.#options.startTimeout): Promise<Engine> {
    const { backend, artifact } = this.#plan;
    const { assets, concurrency } = this.#options;
    if (!this.#module && backend !== 'process' && backend !== 'queue') {
      const given = assets.wasm?.[artifact];
      this.#module = given instanceof WebAssembly.Module ? Promise.resolve(given) : this.#runtime.compile(artifact, given as string | URL | undefined);
      // Seen where it is awaited; what could not be loaded now may be loaded later.
      this.#module.catch(() => {
        this.#module = undefined;
      });
    }
    let engine: Engine | undefined;
    let lostAtOnce: string | undefined;
    // An engine that was replaced may still speak; only those in use are heard.
    const heard = () => engine !== undefined && (engine === this.#engine || this.#retiring.has(engine));
    const listener: EngineListener = {
      part: (task, number, part) => this.#part(task as HostJob, number, part),
      spoiled: (task, error) => this.#spoil(task as HostJob, error),
      end: (task, end) => this.#end(task as HostJob, end, engine!),
      busy: (span) => this.#stats.busy(span, engine === this.#engine),
      room: () => {
        if (engine === this.#engine) this.#pump();
      },
      // If it ran alone, it is clear whose doing it was.
      rerun: (task, suspect, reason) => {
        this.#rerun([task as HostJob], suspect || task === this.#alone, reason);
        // Nothing else may happen that would look into the queue; but not in the middle of what the engine does.
        queueMicrotask(() => this.#pump());
      },
      crashed: (reason) => {
        if (heard()) this.#crashed(reason, 1);
      },
      lost: (reason, tasks, stack) => {
        // A worker that had answered may die before all of them have.
        if (!engine) lostAtOnce = reason;
        else if (heard()) this.#lost(engine!, reason, tasks, stack);
      },
    };
    engine =
      backend === 'process' || backend === 'queue' ? await this.#runtime.backends![backend]!(this.#options, threads, listener)
      : backend === 'threads' ? await startThreads(this.#runtime, this.#options, this.#module!, { threads, concurrency: concurrency ?? Math.min(8, Math.max(2, threads)), startTimeout }, listener)
      : backend === 'workers' ? await startWorkers(this.#runtime, this.#options, artifact, this.#module!, threads, listener)
      : await startInline(this.#runtime, this.#options, artifact, this.#module!, listener);
    if (lostAtOnce !== undefined) throw new LoomworkError({ code: 'START_FAILED', message: `the instance was lost while it started: ${lostAtOnce}` });
    return engine;
  }

  /** An engine is gone, with what was inside. */
  #lost(engine: Engine, reason: string, { culprits, suspects, innocent }: { culprits: Task[]; suspects: Task[]; innocent: Task[] }, stack?: string): void {
    if (this.#alone && innocent.includes(this.#alone) && engine === this.#engine) {
      suspects = [...suspects, this.#alone];
      innocent = innocent.filter((task) => task !== this.#alone);
    }
    this.#crashed(reason, culprits.length + suspects.length + innocent.length);
    for (const job of culprits as HostJob[]) {
      job.fail(new LoomworkError({ code: 'KERNEL_CRASH', message: `the kernel crashed the instance that ran it (${reason}), which is being replaced` }, stack ? { cause: trapError(reason, stack) } : undefined));
      this.#record(job, 'failed');
      this.#release(job);
    }
    this.#rerun(innocent as HostJob[], false, reason);
    this.#rerun(suspects as HostJob[], true, reason);
    if (this.#retiring.delete(engine)) return;
    this.#replace(reason);
  }

  #crashed(reason: string, jobs: number): void {
    this.#stats.restarts += 1;
    this.#stats.incident('crash', { reason, jobs });
    this.#tell('crash', { reason, jobs });
  }

  /** Jobs whose engine was lost wait again, before all others of their caller. */
  #rerun(jobs: HostJob[], suspect: boolean, reason: string): void {
    for (const job of jobs.reverse()) {
      job.engine = undefined;
      if (job === this.#alone) this.#alone = undefined;
      if (job.settled) {
        this.#release(job);
        continue;
      }
      if (suspect) job.crashes += 1;
      if (job.crashes >= MOST_CRASHES) {
        const [code, what] = this.#plan.backend === 'process' ? (['PROCESS_LOST', 'process'] as const) : (['KERNEL_CRASH', 'instance'] as const);
        job.fail(new LoomworkError({ code, message: `the ${what} that ran the job was lost ${MOST_CRASHES} times (${reason}): it is not run again` }));
      } else if (job.inputs.arrays.some(({ buffer, length }) => length > 0 && buffer.byteLength === 0)) {
        // They were on their way to the worker that died.
        job.fail(new LoomworkError({ code: 'KERNEL_CRASH', message: 'the instance was lost while it took over the job\'s transferred arrays: run it again' }));
      } else {
        job.retries += 1;
        this.#stats.retries += 1;
        this.#queue.unshift(job);
        continue;
      }
      this.#record(job, 'failed');
      this.#release(job);
    }
  }

  /** Starts another engine in the place of the one that was lost. */
  #replace(reason: string): void {
    this.#engine = undefined;
    // A host that closes and has nothing left to run needs no other engine.
    if (this.#closing && this.#open === 0) return;
    const begun = performance.now();
    const starting = this.#startAgain().then(
      (engine) => {
        this.#install(engine);
        const milliseconds = performance.now() - begun;
        this.#stats.incident('restart', { reason, milliseconds });
        this.#tell('restart', { reason, milliseconds });
        this.#pump();
      },
      (error: unknown) => {
        this.#broken = error;
        for (const job of this.#queue.drain()) {
          job.fail(error);
          this.#release(job);
        }
        this.#makeRoom();
      },
    );
    this.#changing = starting;
  }

  async #startAgain(): Promise<Engine> {
    // A thread has one inline instance, ever: it does not come back.
    let patience = Math.max(LEAST_PATIENCE_MS, PATIENCE * this.#startTook);
    for (const pause of this.#plan.backend === 'inline' ? [] : RETRY_START_MS) {
      try {
        return await this.#startEngine(this.#plan.threads, Math.min(patience, this.#options.startTimeout));
      } catch {
        patience *= 2;
        await new Promise((resolve) => setTimeout(resolve, pause));
      }
    }
    return this.#startEngine(this.#plan.threads);
  }

  async resize(threads: number): Promise<void> {
    checkThreads(threads);
    if (this.#plan.backend === 'inline') throw new LoomworkError({ code: 'UNSUPPORTED', message: 'backend "inline" has one thread, the caller\'s' });
    if (this.#plan.backend === 'queue') throw new LoomworkError({ code: 'UNSUPPORTED', message: 'the threads of backend "queue" are its workers\': start more of those' });
    if (this.#closing) throw closed();
    const before = this.#changing;
    const resizing = (async () => {
      await before?.catch(() => {});
      if (this.#closing || this.#broken || threads === this.#plan.threads) return;
      const begun = performance.now();
      const engine = await this.#startEngine(threads);
      const old = this.#engine;
      this.#plan.threads = threads;
      this.#plan.why = this.#plan.why.replace(/^\d+ threads?/, `${threads} ${threads === 1 ? 'thread' : 'threads'}`);
      this.#install(engine);
      if (old) {
        this.#retiring.add(old);
        this.#retire(old);
      }
      this.#tell('start', { threads, milliseconds: performance.now() - begun });
      this.#pump();
    })();
    this.#changing = resizing.catch(() => {});
    await resizing;
  }

  /** Ends an engine that was replaced, once nothing is inside. */
  #retire(engine: Engine): void {
    if (engine.size > 0 || !this.#retiring.delete(engine)) return;
    void engine.close();
  }

  // ── Jobs in ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

  run(kernel: string, params: unknown, options?: RunOptions): HostJob {
    const job = new HostJob((lastId += 1), kernel, this);
    this.#open += 1;
    if (this.#open === 1) this.#keepAlive(true);
    try {
      readable('params or options', () => this.#admit(job, params, options));
    } catch (thrown) {
      this.#refuse(job, thrown);
    }
    return job;
  }

  /**
   * Runs a job that another host has packed. Its output and its parts stay packed, and each part comes with its number.
   *
   * @param inputs the job's own: nobody else reads or writes them
   */
  runPacked(kernel: string, params: Uint8Array, inputs: Staged, options: RunOptions): HostJob {
    const job = new HostJob((lastId += 1), kernel, this, true);
    this.#open += 1;
    if (this.#open === 1) this.#keepAlive(true);
    try {
      this.#mayRun(job);
      if (this.#enter(job, options)) {
        job.params = params;
        job.inputs = inputs;
        this.#enqueueSoon(job);
      }
    } catch (thrown) {
      this.#refuse(job, thrown);
    }
    return job;
  }

  #refuse(job: HostJob, reason: unknown): void {
    job.fail(reason);
    this.#stats.failed += 1;
    this.#release(job);
  }

  #admit(job: HostJob, params: unknown, options: RunOptions | undefined): void {
    this.#mayRun(job);
    if (typeof params !== 'object' || params === null) throw badParams('', `the params must be an object, got ${show(params)}`);
    const checked = options === undefined ? {} : checkRunOptions(options);
    const { transfer = [] } = checked;
    const { tree, arrays, wide } = pack(params);
    if (!this.#enter(job, checked)) return;
    job.params = wide ? wideEncoder.encode(tree) : encoder.encode(tree);
    if (arrays.length === 0 && transfer.length === 0) return this.#enqueueSoon(job);

    const staged = this.#stage(arrays, transfer);
    if (!(staged instanceof Promise)) {
      job.inputs = staged;
      return this.#enqueueSoon(job);
    }
    this.#staging += 1;
    staged
      .then(
        (ready) => {
          job.inputs = ready;
          this.#enqueueSoon(job);
        },
        (thrown: unknown) => this.#refuse(job, notCopied(thrown)),
      )
      .finally(() => {
        this.#staging -= 1;
      });
  }

  #mayRun(job: HostJob): void {
    if (this.#closing) throw closed();
    if (this.#broken) {
      throw new LoomworkError({ code: 'START_FAILED', message: `the host lost its instance and could not start another: ${textOf(this.#broken)}` }, { cause: this.#broken });
    }
    if (!this.#kernelNames.has(job.kernel)) throw unknownKernel(job.kernel, this.#kernels);
  }

  /** Takes a job in, with what its options say; whether it is to go on. */
  #enter(job: HostJob, { signal, timeout = this.#options.timeout, onProgress, priority = 0, caller = '', output }: RunOptions): boolean {
    if (signal?.aborted) {
      job.cancel(signal.reason);
      this.#release(job);
      return false;
    }
    if (this.#waiting >= this.#options.maxQueue && !this.#idle) {
      throw new LoomworkError({ code: 'QUEUE_FULL', message: `${this.#options.maxQueue} jobs wait already: await host.ready() first, or raise maxQueue` });
    }
    job.priority = priority;
    job.caller = caller;
    job.lend = output === 'shared' && this.#plan.backend === 'threads';
    if (signal || timeout !== undefined) limit(job, signal, timeout);
    if (onProgress) this.#watch(job, onProgress);
    return true;
  }

  #stage(arrays: readonly PackedArray[], transfer: readonly ArrayBuffer[]): Staged | Promise<Staged> {
    if (arrays.some(strays)) throw badParams('', 'a buffer that host.alloc made an array of is all of the memory: pass the array, or a part of it');
    try {
      // While an instance is replaced nothing is moved: the next one may be lost too, and what had been moved there with it.
      const moves = this.#plan.backend !== 'threads' || this.#engine !== undefined;
      return stage(arrays, transfer, { shared: this.#sharesMemory, reserve: this.#engine?.reserve, moves }, this.#runtime);
    } catch (thrown) {
      throw notCopied(thrown);
    }
  }

  /** Whether arrays that are shared between threads save copies. A child process gets them from a shared one without a copy here. */
  get #sharesMemory(): boolean {
    return this.#plan.backend === 'threads' || this.#plan.backend === 'process' || this.#plan.backend === 'queue';
  }

  /** Jobs that have not reached an engine. */
  get #waiting(): number {
    return this.#queue.size + this.#fresh.length + this.#staging;
  }

  /** Whether a job could start at once. */
  get #idle(): boolean {
    const engine = this.#engine;
    return !this.#paused && engine !== undefined && this.#waiting + engine.size < Math.max(1, engine.laneCount);
  }

  /** After the current turn's code, so that a caller who iterates at once has every part, and a burst costs one wake-up. */
  #enqueueSoon(job: HostJob): void {
    this.#fresh.push(job);
    if (this.#fresh.length === 1) queueMicrotask(() => this.#enqueue());
  }

  #enqueue(): void {
    const fresh = this.#fresh;
    this.#fresh = [];
    let submitted = false;
    for (const job of fresh) {
      // It may have been cancelled while its arrays were copied.
      if (job.settled) this.#release(job);
      else if (this.#broken) this.#refuse(job, this.#broken);
      else if (this.#queue.size === 0 && !this.#paused && this.#engine && this.#takes(job, this.#engine)) submitted = this.#submit(job, this.#engine) || submitted;
      else this.#queue.push(job);
    }
    if (submitted) this.#engine?.flush();
    if (this.#queue.size > 0) this.#pump();
  }

  #pump(): void {
    if (this.#paused) return;
    let submitted = false;
    while (this.#engine && this.#queue.size > 0) {
      const at = performance.now();
      const next = this.#queue.peek(at);
      if (!next || !this.#takes(next, this.#engine)) break;
      this.#queue.shift(at);
      submitted = this.#submit(next, this.#engine) || submitted;
    }
    if (submitted) {
      this.#engine?.flush();
      this.#makeRoom();
    }
  }

  #takes(job: HostJob, engine: Engine): boolean {
    if (this.#alone) return false;
    return job.retries < ALONE_AFTER ? engine.hasRoom(job) : engine.size === 0 && engine.hasRoom(job);
  }

  #submit(job: HostJob, engine: Engine): boolean {
    if (job.retries >= ALONE_AFTER) this.#alone = job;
    job.engine = engine;
    try {
      engine.submit(job);
      return true;
    } catch (thrown) {
      // A buffer that was detached or is not of this realm: the message could not be made.
      this.#refuse(job, new LoomworkError({ code: 'BAD_PARAMS', message: `the params cannot be sent to a worker: ${textOf(thrown)}` }, { cause: thrown }));
      return false;
    }
  }

  map(kernel: string, list: Iterable<unknown> | AsyncIterable<unknown>, options: RunOptions & { concurrency?: number } = {}) {
    const { concurrency = Math.max(2, this.#engine?.laneCount ?? 1, this.#plan.threads), ...rest } = readable('options', () => ({ ...options }));
    if (!Number.isInteger(concurrency) || concurrency < 1) throw badParams('concurrency', `must be a whole number above 0, got ${show(concurrency)}`);
    const iterable = readable('list', () => typeof list === 'object' && list !== null && (Symbol.iterator in list || Symbol.asyncIterator in list));
    if (!iterable) {
      throw badParams('list', `must be iterable, got ${show(list)}`);
    }
    return mapJobs(list, concurrency, () => this.ready(), (params) => this.run(kernel, params, rest));
  }

  alloc<A extends TypedArray>(type: new (buffer: ArrayBuffer, byteOffset?: number, length?: number) => A, length: number): A {
    const size = (type as Partial<{ BYTES_PER_ELEMENT: number }> | undefined)?.BYTES_PER_ELEMENT;
    if (typeof type !== 'function' || !size) throw badParams('type', `must be a typed array's constructor, got ${show(type)}`);
    if (!Number.isSafeInteger(length) || length < 0) throw badParams('length', `must be a whole number, 0 or more, got ${show(length)}`);
    try {
      const place = length * size >= LEAST ? this.#engine?.reserve?.take(length * size, true) : undefined;
      const buffer = place ? place.buffer : this.#sharesMemory ? new SharedArrayBuffer(length * size) : new ArrayBuffer(length * size);
      return new type(buffer as ArrayBufferLike as ArrayBuffer, place?.byteOffset ?? 0, length);
    } catch (thrown) {
      throw new LoomworkError({ code: 'OUT_OF_MEMORY', message: `${length * size} bytes could not be had: ${textOf(thrown)}` }, { cause: thrown });
    }
  }

  async ready(): Promise<void> {
    while (this.#waiting >= this.#options.maxQueue && !this.#idle && !this.#closing && !this.#broken) {
      await new Promise<void>((resolve) => this.#waitingForRoom.push(resolve));
    }
  }

  #makeRoom(): void {
    if (this.#waitingForRoom.length === 0) return;
    // Each looks again when its turn comes: the first to run takes the place.
    for (const wake of this.#waitingForRoom.splice(0)) wake();
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#pump();
  }

  async warmUp(kernel?: string, params?: unknown): Promise<void> {
    await this.#changing;
    await this.#engine?.prepare();
    if (kernel === undefined) return;
    const lanes = this.#engine?.laneCount ?? 1;
    for (let round = 0; round < 3; round += 1) await Promise.all(Array.from({ length: lanes }, () => this.run(kernel, params)));
  }

  // ── Jobs out ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

  #part(job: HostJob, number: number, part: Packed): void {
    job.addPart(number, () => (job.packed ? { number, part } : unpack(part)));
  }

  /** Its caller need not wait until its kernel has stopped. */
  #spoil(job: HostJob, error: Failure): void {
    if (job.settled) return;
    job.fail(new LoomworkError(error));
    this.cancel(job);
  }

  #end(job: HostJob, end: End, engine: Engine): void {
    const counts = { done: end.done, total: end.total };
    job.retries += end.retries ?? 0;
    if (!job.settled) {
      if (end.started > 0) job.began(end.started - performance.timeOrigin);
      switch (end.kind) {
        case 'done':
          this.#done(job, end, counts, engine);
          break;
        case 'failed':
          job.fail(new LoomworkError(end.error!));
          break;
        case 'cancelled':
          // Only what its caller cancelled is cancelled, and then it has its answer; anything else is our mistake, not to be hidden.
          job.fail(new LoomworkError({ code: 'KERNEL_ERROR', message: 'the kernel stopped without being asked to' }));
      }
    } else if (end.lent) engine.release(job.id);
    this.#record(job, job.state, end);
    this.#release(job, counts);
    if (engine !== this.#engine) this.#retire(engine);
  }

  #done(job: HostJob, end: End, counts: { done: number; total: number }, engine: Engine): void {
    if (end.lent) this.#lenders.set(job, engine);
    this.#stats.bytesIn += job.inputs.bytes;
    if (end.output) for (const { buffer } of end.output.arrays) this.#stats.bytesOut += end.lent ? 0 : buffer.byteLength;
    const tell = this.#watched.get(job);
    tell?.({ ...counts, fraction: 1 });
    job.done(job.packed ? (end.output ?? { tree: end.plain, arrays: [] }) : end.output ? unpack(end.output) : end.plain, counts, end.heard);
    this.#stats.times(end.heard - job.created, end.ended - end.started);
  }

  /** Counts the end of a job, and remembers it for the trace. */
  #record(job: HostJob, state: HostJob['state'], end?: End): void {
    if (state === 'done') this.#stats.done += 1;
    else if (state === 'cancelled') this.#stats.cancelled += 1;
    else this.#stats.failed += 1;
    const started = end && end.started > 0 ? end.started - performance.timeOrigin : -1;
    this.#stats.remember(job.id, job.kernel, state, job.created, started, end ? end.ended - performance.timeOrigin : -1, end?.heard ?? performance.now(), end?.lane ?? 0, job.retries);
  }

  cancel(job: HostJob): void {
    if (job.waiting) {
      this.#queue.remove(job);
      this.#record(job, 'cancelled');
      this.#release(job);
      return this.#makeRoom();
    }
    // One whose arrays are still copied is let go when that is done.
    if (!job.engine) return;
    const engine = job.engine;
    engine.cancel(job);
    // What is left is to drop what it gave.
    if (engine.ended?.(job)) job.halted();
    if (job.engine && !engine.keepsGrace) this.#awaitStop(job, engine);
  }

  /** A kernel that does not stop within its grace is ended with its instance. */
  #awaitStop(job: HostJob, engine: Engine): void {
    const timer = setTimeout(() => {
      this.#graces.delete(job);
      if (job.engine !== engine) return;
      // It has not even begun: when it does, it will see that it is cancelled.
      if (!engine.began(job)) return this.#awaitStop(job, engine);
      const reason = `kernel '${job.kernel}' did not stop within ${this.#options.grace} ms of being cancelled`;
      this.#lost(engine, reason, { culprits: [], suspects: [], innocent: engine.kill() });
    }, this.#options.grace);
    this.#graces.set(job, timer);
  }

  stream(job: HostJob): void {
    job.engine?.stream(job);
  }

  release(job: HostJob): void {
    const lender = this.#lenders.get(job);
    this.#lenders.delete(job);
    if (lender && (lender === this.#engine || this.#retiring.has(lender))) lender.release(job.id);
  }

  /** Nothing of it is left with the host. */
  #release(job: HostJob, counts?: { done: number; total: number }): void {
    job.leave(counts);
    if (job === this.#alone) {
      this.#alone = undefined;
      queueMicrotask(() => this.#pump());
    }
    if (this.#watched.delete(job) && this.#watched.size === 0) {
      clearInterval(this.#watchTimer);
      this.#watchTimer = undefined;
    }
    const grace = this.#graces.get(job);
    if (grace !== undefined) {
      clearTimeout(grace);
      this.#graces.delete(job);
    }
    this.#open -= 1;
    if (this.#open === 0) {
      this.#keepAlive(false);
      this.#drained?.();
    }
    this.#makeRoom();
  }

  #keepAlive(keep: boolean): void {
    this.#engine?.keepAlive(keep);
    for (const engine of this.#retiring) engine.keepAlive(keep);
  }

  #watch(job: HostJob, onProgress: NonNullable<RunOptions['onProgress']>): void {
    this.#watched.set(job, onProgress);
    this.#watchTimer ??= setInterval(() => {
      for (const [watched, tell] of this.#watched) if (watched.state === 'running') tell(watched.progress);
    }, PROGRESS_INTERVAL_MS);
  }

  // ── Seeing inside, and the end ─────────────────────────────────────────────────────────────────────────────────────────────────────

  stats(): HostStats {
    const inside = [...this.#retiring].reduce((sum, engine) => sum + engine.size, this.#engine?.size ?? 0);
    return this.#stats.summary(this.#waiting, inside, this.#engine?.lanes() ?? []);
  }

  trace(): Trace {
    return this.#stats.trace(this.#engine?.lanes() ?? []);
  }

  on<Name extends keyof HostEvents>(event: Name, listener: (detail: HostEvents[Name]) => void): () => void {
    const listeners = this.#listeners[event] as Set<typeof listener> | undefined;
    if (!listeners) throw badParams('event', `must be one of ${Object.keys(this.#listeners).join(', ')}, got ${show(event)}`);
    if (typeof listener !== 'function') throw badParams('listener', `must be a function, got ${show(listener)}`);
    listeners.add(listener);
    return () => void listeners.delete(listener);
  }

  #tell<Name extends keyof HostEvents>(event: Name, detail: HostEvents[Name]): void {
    // A listener that throws is its own affair: it must not stop a restart.
    for (const listener of this.#listeners[event]) queueMicrotask(() => listener(detail));
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#makeRoom();
    this.resume();
    if (this.#open > 0) {
      await new Promise<void>((resolve) => {
        this.#drained = resolve;
      });
    }
    // An engine that is being started would otherwise outlive its host.
    await this.#changing;
    const engines = [...this.#retiring, ...(this.#engine ? [this.#engine] : [])];
    this.#engine = undefined;
    this.#retiring.clear();
    await Promise.all(engines.map((engine) => engine.close()));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** Ties a job to its signal and its time limit. */
function limit(job: HostJob, signal: AbortSignal | undefined, timeout: number | undefined): void {
  const abort = () => job.cancel(signal?.reason);
  signal?.addEventListener('abort', abort, { once: true });
  job.expire = () => job.cancel(new DOMException(`the job took longer than its timeout of ${timeout} ms`, 'TimeoutError'));
  if (timeout !== undefined) job.deadline = performance.now() + timeout;
  const timer = timeout === undefined ? undefined : setTimeout(job.expire, timeout);
  job.untie = () => {
    clearTimeout(timer);
    signal?.removeEventListener('abort', abort);
  };
}

/** A trap as an error of its own, with its place in the wasm. */
function trapError(reason: string, stack: string): Error {
  const error = new Error(reason);
  error.stack = stack;
  return error;
}

function notCopied(thrown: unknown): LoomworkError {
  const code = thrown instanceof RangeError ? 'OUT_OF_MEMORY' : 'BAD_PARAMS';
  return new LoomworkError({ code, message: `the params could not be copied or moved: ${textOf(thrown)}` }, { cause: thrown });
}

function closed(): LoomworkError {
  return new LoomworkError({ code: 'HOST_CLOSED', message: 'the host is closed: make another with createHost()' });
}

function unknownKernel(name: unknown, known: readonly string[]): LoomworkError {
  if (typeof name !== 'string') return badParams('kernel', `must be a kernel's name, got ${show(name)}`);
  const near = known.filter((other) => distance(name, other) <= 3 || other.includes(name) && name.length > 2);
  const hint = near.length > 0 ? `did you mean ${near.map((other) => `'${other}'`).join(' or ')}?` : `the nearest is '${closest(name, [...known])}' of ${known.join(', ')}`;
  return new LoomworkError({ code: 'UNKNOWN_KERNEL', message: `no kernel is named ${show(name)}: ${hint}` });
}
