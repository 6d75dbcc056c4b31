// The host: takes jobs, lets them wait in order, hands them to its engine, and answers each exactly once.
import { closest, distance } from 'fastest-levenshtein';
import { badParams, LoomworkError, textOf } from '../shared/errors.ts';
import { CONTROL } from '../shared/generated.ts';
import { pack, unpack } from '../shared/pack.ts';
import type { Artifact } from '../shared/artifact.ts';
import type { JobEvent } from '../shared/protocol.ts';
import type { Host } from './api.ts';
import type { Runtime } from '../runtime/runtime.ts';
import type { Engine, EngineListener } from './engine.ts';
import { startInline } from './inline.ts';
import { HostJob } from './job.ts';
import { checkHostOptions, checkRunOptions, show, type Backend, type CheckedHostOptions, type HostOptions, type RunOptions } from './options.ts';
import { makePlan, type Plan } from './plan.ts';
import { startSolo } from './solo.ts';
import { stage, type Staged } from './stage.ts';
import { startThreads } from './threads.ts';

/** How often progress is told to a caller who asked for it. */
const PROGRESS_INTERVAL_MS = 50;

/** A job that waits, with what it needs to start. */
interface Waiting {
  job: HostJob;
  tree: unknown;
  staged: Staged;
}

export async function openHost(runtime: Runtime, options?: HostOptions): Promise<Host> {
  const checked = checkHostOptions(options);
  const plan = await makePlan(checked, runtime);
  const host = new LocalHost(runtime, checked, plan);
  await host.start();
  return host as unknown as Host;
}

class LocalHost implements EngineListener {
  readonly #runtime: Runtime;
  readonly #options: CheckedHostOptions;
  readonly #plan: Plan;
  readonly #concurrency: number;
  #engine: Engine | undefined;
  #kernels: readonly string[] = [];
  #lastId = 0;
  /** Every job that has no answer yet, or whose kernel still runs. */
  readonly #jobs = new Map<number, HostJob>();
  #queue: Waiting[] = [];
  readonly #freeSlots = Array.from({ length: CONTROL.slots }, (_, slot) => slot);
  #running = 0;
  readonly #watched = new Map<HostJob, NonNullable<RunOptions['onProgress']>>();
  #watchTimer: ReturnType<typeof setInterval> | undefined;
  #restarting: Promise<void> | undefined;
  #closing: Promise<void> | undefined;
  #drained: (() => void) | undefined;
  /** Set when a lost engine could not be replaced. */
  #broken: unknown;

  constructor(runtime: Runtime, options: CheckedHostOptions, plan: Plan) {
    this.#runtime = runtime;
    this.#options = options;
    this.#plan = plan;
    this.#concurrency = plan.backend === 'threads' ? (options.concurrency ?? Math.min(CONTROL.slots, Math.max(2, plan.threads))) : 1;
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

  async start(): Promise<void> {
    this.#engine = await this.#startEngine();
    this.#kernels = this.#engine.kernels;
    this.#engine.keepAlive(this.#jobs.size > 0);
  }

  #startEngine(): Promise<Engine> {
    const { backend, artifact, threads } = this.#plan;
    // An engine that was replaced may still speak; only the current one is heard.
    let engine: Engine | undefined;
    const listener: EngineListener = {
      event: (event) => {
        if (engine === this.#engine) this.event(event);
      },
      lost: (reason) => {
        if (engine === this.#engine) this.lost(reason);
      },
    };
    const starting =
      backend === 'threads' ? startThreads(this.#runtime, this.#options, threads, listener)
      : backend === 'workers' ? startSolo(this.#runtime, this.#options, artifact, listener)
      : startInline(this.#runtime, this.#options, artifact, listener);
    return starting.then((started) => {
      engine = started;
      return started;
    });
  }

  run(kernel: string, params: unknown, options: RunOptions = {}): HostJob {
    const job = new HostJob((this.#lastId += 1), kernel, this);
    this.#jobs.set(job.id, job);
    if (this.#jobs.size === 1) this.#engine?.keepAlive(true);
    try {
      this.#admit(job, params, options);
    } catch (thrown) {
      job.fail(thrown);
      this.#release(job);
    }
    return job;
  }

  #admit(job: HostJob, params: unknown, options: RunOptions): void {
    if (this.#closing) throw new LoomworkError({ code: 'HOST_CLOSED', message: 'the host is closed: make another with createHost()' });
    if (this.#broken) {
      throw new LoomworkError({ code: 'START_FAILED', message: `the host lost its instance and could not start another: ${textOf(this.#broken)}` }, { cause: this.#broken });
    }
    if (!this.#kernels.includes(job.kernel)) throw unknownKernel(job.kernel, this.#kernels);
    const { signal, timeout = this.#options.timeout, transfer = [], onProgress } = checkRunOptions(options);
    if (typeof params !== 'object' || params === null) throw badParams('', `the params must be an object, got ${show(params)}`);
    const packed = pack(params);
    if (signal?.aborted) {
      job.cancel(signal.reason);
      return this.#release(job);
    }
    const staged = stage(packed.arrays, transfer, this.#runtime);
    this.#limit(job, signal, timeout);
    if (onProgress) this.#watch(job, onProgress);
    if (staged instanceof Promise) {
      staged.then(
        (ready) => this.#enqueue({ job, tree: packed.tree, staged: ready }),
        (thrown: unknown) => {
          job.fail(thrown instanceof RangeError ? new LoomworkError({ code: 'OUT_OF_MEMORY', message: `the params could not be copied: ${thrown.message}` }, { cause: thrown }) : thrown);
          this.#release(job);
        },
      );
    } else {
      // After the current task's code, so that a caller who iterates at once has every part.
      queueMicrotask(() => this.#enqueue({ job, tree: packed.tree, staged }));
    }
  }

  /** Ties a job to its signal and its time limit. */
  #limit(job: HostJob, signal: AbortSignal | undefined, timeout: number | undefined): void {
    const abort = () => job.cancel(signal?.reason);
    signal?.addEventListener('abort', abort, { once: true });
    const timer = timeout === undefined ? undefined : setTimeout(() => {
      job.cancel(new DOMException(`the job took longer than its timeout of ${timeout} ms`, 'TimeoutError'));
    }, timeout);
    const untie = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
    };
    job.then(untie, untie);
  }

  #enqueue(waiting: Waiting): void {
    // It may have been cancelled while its arrays were copied.
    if (waiting.job.settled) return this.#release(waiting.job);
    this.#queue.push(waiting);
    this.#pump();
  }

  #pump(): void {
    while (this.#engine && this.#running < this.#concurrency && this.#queue.length > 0) {
      const { job, tree, staged } = this.#queue.shift()!;
      const slot = this.#freeSlots.pop()!;
      job.start(slot);
      this.#running += 1;
      try {
        this.#engine.submit({ id: job.id, slot, kernel: job.kernel, tree, arrays: staged.arrays }, staged.transfer, job.streaming);
      } catch (thrown) {
        // A buffer that was detached or is not of this realm: the message could not be made.
        job.fail(new LoomworkError({ code: 'BAD_PARAMS', message: `the params cannot be sent to a worker: ${textOf(thrown)}` }, { cause: thrown }));
        this.#leave(job);
      }
    }
  }

  event(event: JobEvent): void {
    const job = this.#jobs.get(event.id);
    if (!job) return;
    switch (event.kind) {
      case 'part':
        if (job.streaming) job.addPart(unpack(event));
        return;
      case 'progress':
        return;
      case 'done':
        this.#tellProgress(job, { done: event.done, total: event.total });
        job.done(unpack(event));
        break;
      case 'failed':
        job.fail(new LoomworkError(event.error));
        break;
      case 'cancelled':
        // Only what its caller cancelled is cancelled, and then it has its answer; anything else is our mistake, not to be hidden.
        job.fail(new LoomworkError({ code: 'KERNEL_ERROR', message: 'the kernel stopped without being asked to' }));
    }
    this.#leave(job, event);
    this.#pump();
  }

  lost(reason: string): void {
    const engine = this.#engine;
    this.#engine = undefined;
    void engine?.close();
    for (const job of this.#jobs.values()) {
      if (job.slot === undefined) continue;
      job.fail(new LoomworkError({ code: 'KERNEL_CRASH', message: `the instance that ran the job was lost (${reason}) and is being replaced` }));
      this.#leave(job);
    }
    // A host that closes and has nothing left to run needs no other engine.
    if (this.#closing && this.#jobs.size === 0) return;
    this.#restarting = this.start().then(
      () => this.#pump(),
      (error: unknown) => {
        this.#broken = error;
        for (const { job } of this.#queue.splice(0)) {
          job.fail(error);
          this.#release(job);
        }
      },
    );
  }

  cancel(job: HostJob): void {
    if (job.slot !== undefined) {
      this.#engine?.cancel({ id: job.id, slot: job.slot });
      return;
    }
    // A job that waits leaves the queue; one whose arrays are still copied is let go when that is done.
    const waiting = this.#queue.length;
    this.#queue = this.#queue.filter((other) => other.job !== job);
    if (this.#queue.length < waiting) this.#release(job);
  }

  stream(job: HostJob): void {
    if (job.slot !== undefined) this.#engine?.stream(job.slot);
  }

  counts(job: HostJob): { done: number; total: number } | undefined {
    return job.slot === undefined ? undefined : this.#engine?.counts(job.slot);
  }

  /** Its kernel runs no more. */
  #leave(job: HostJob, counts?: { done: number; total: number }): void {
    this.#running -= 1;
    this.#freeSlots.push(job.slot!);
    this.#release(job, counts);
  }

  /** Nothing of it is left with the host. */
  #release(job: HostJob, counts?: { done: number; total: number }): void {
    job.leave(counts);
    this.#jobs.delete(job.id);
    this.#watched.delete(job);
    if (this.#watched.size === 0) {
      clearInterval(this.#watchTimer);
      this.#watchTimer = undefined;
    }
    if (this.#jobs.size === 0) {
      this.#engine?.keepAlive(false);
      this.#drained?.();
    }
  }

  #watch(job: HostJob, onProgress: NonNullable<RunOptions['onProgress']>): void {
    this.#watched.set(job, onProgress);
    this.#watchTimer ??= setInterval(() => {
      for (const [watched, tell] of this.#watched) if (watched.state === 'running') tell(watched.progress);
    }, PROGRESS_INTERVAL_MS);
  }

  #tellProgress(job: HostJob, { done, total }: { done: number; total: number }): void {
    if (!job.settled) this.#watched.get(job)?.({ done, total, fraction: 1 });
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    if (this.#jobs.size > 0) {
      await new Promise<void>((resolve) => {
        this.#drained = resolve;
      });
    }
    // An engine that is being started would otherwise outlive its host.
    await this.#restarting;
    const engine = this.#engine;
    this.#engine = undefined;
    await engine?.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

function unknownKernel(name: unknown, known: readonly string[]): LoomworkError {
  if (typeof name !== 'string') return badParams('kernel', `must be a kernel's name, got ${show(name)}`);
  const near = known.filter((other) => distance(name, other) <= 3 || other.includes(name) && name.length > 2);
  const hint = near.length > 0 ? `did you mean ${near.map((other) => `'${other}'`).join(' or ')}?` : `the nearest is '${closest(name, [...known])}' of ${known.join(', ')}`;
  return new LoomworkError({ code: 'UNKNOWN_KERNEL', message: `no kernel is named ${show(name)}: ${hint}` });
}
