// A job as its caller holds it: a promise of the output, an iterator of parts, progress and a way to stop it.
import type { Progress } from './options.ts';

/** States of a job. */
export type JobState = 'queued' | 'running' | 'done' | 'failed' | 'cancelled';

/** The types of a kernel. */
export interface KernelTypes {
  params: unknown;
  output: unknown;
  part: unknown;
}

/** How long a job took, in milliseconds. */
export interface Timing {
  /** From `run` to its start. */
  queued: number;
  /** From its start to its end, or to now. */
  running: number;
}

/**
 * One run of a kernel. `await` it for its output.
 *
 * Iterating it gives its parts in order of completion. Parts are made from when the iteration begins: begin in the same tick as `run` to have
 * them all. A loop that is left early does not stop the job.
 *
 * @example
 * const job = host.run('mandelbrot', params);
 * for await (const tile of job) draw(tile);
 * const { counts } = await job;
 */
export interface Job<K extends KernelTypes = KernelTypes> extends Promise<K['output']>, AsyncIterable<K['part']> {
  readonly kernel: string;
  readonly state: JobState;
  readonly progress: Progress;
  readonly timing: Timing;
  /**
   * Stops the job: it rejects at once, with `reason` or an `AbortError`; its kernel stops at its next check.
   */
  cancel(reason?: unknown): void;
  /** Resolves when the job's kernel no longer runs: at its end, or when a cancelled kernel has really stopped. */
  readonly stopped: Promise<void>;
}

/** What a host does for its jobs. */
export interface JobOwner {
  /** The caller wants it stopped. */
  cancel(job: HostJob): void;
  /** Somebody reads its parts. */
  stream(job: HostJob): void;
  /** How far it has come, while it runs. */
  counts(job: HostJob): { done: number; total: number } | undefined;
}

/** The job as its host holds it. */
export class HostJob implements Job {
  readonly id: number;
  readonly kernel: string;
  readonly stopped: Promise<void>;
  /** Its control block while it is inside an instance. */
  slot: number | undefined;

  readonly #owner: JobOwner;
  readonly #output: Promise<unknown>;
  readonly #created = performance.now();
  #resolve!: (output: unknown) => void;
  #reject!: (reason: unknown) => void;
  #stop!: () => void;
  #state: JobState = 'queued';
  #error: unknown;
  #started: number | undefined;
  #ended: number | undefined;
  #counts = { done: 0, total: 0 };
  /** Parts that no iterator has taken yet; undefined until somebody iterates. */
  #parts: unknown[] | undefined;
  #wake: (() => void) | undefined;

  constructor(id: number, kernel: string, owner: JobOwner) {
    this.id = id;
    this.kernel = kernel;
    this.#owner = owner;
    this.#output = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.stopped = new Promise((resolve) => {
      this.#stop = resolve;
    });
  }

  get state(): JobState {
    return this.#state;
  }

  /** Whether its caller has its answer. */
  get settled(): boolean {
    return this.#state !== 'queued' && this.#state !== 'running';
  }

  /** Whether somebody reads its parts. */
  get streaming(): boolean {
    return this.#parts !== undefined;
  }

  get progress(): Progress {
    const { done, total } = this.#owner.counts(this) ?? this.#counts;
    return { done, total, fraction: total > 0 ? Math.min(1, done / total) : this.#state === 'done' ? 1 : 0 };
  }

  get timing(): Timing {
    const now = this.#ended ?? performance.now();
    const started = this.#started ?? now;
    return { queued: started - this.#created, running: now - started };
  }

  cancel(reason: unknown = new DOMException('the job was cancelled', 'AbortError')): void {
    if (this.settled) return;
    this.#settle('cancelled', reason);
    this.#owner.cancel(this);
  }

  then<A, B = never>(onDone?: ((output: unknown) => A | PromiseLike<A>) | null, onFailed?: ((reason: unknown) => B | PromiseLike<B>) | null): Promise<A | B> {
    return this.#output.then(onDone, onFailed) as Promise<A | B>;
  }

  catch<B>(onFailed?: ((reason: unknown) => B | PromiseLike<B>) | null): Promise<unknown> {
    return this.#output.catch(onFailed);
  }

  finally(onEnd?: (() => void) | null): Promise<unknown> {
    return this.#output.finally(onEnd);
  }

  get [Symbol.toStringTag](): string {
    return 'Job';
  }

  [Symbol.asyncIterator](): AsyncGenerator<unknown, void, undefined> {
    if (this.#parts === undefined) {
      this.#parts = [];
      this.#owner.stream(this);
    }
    return this.#iterate();
  }

  async *#iterate(): AsyncGenerator<unknown, void, undefined> {
    // The iterator throws what the job rejects with: whoever iterates has heard of it.
    this.#output.catch(() => {});
    for (;;) {
      while (this.#parts !== undefined && this.#parts.length > 0) yield this.#parts.shift();
      if (this.#state === 'done') return;
      if (this.settled) throw this.#error;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** Host: it is inside an instance. */
  start(slot: number): void {
    this.slot = slot;
    this.#state = 'running';
    this.#started = performance.now();
  }

  /** Host: a part came. */
  addPart(part: unknown): void {
    if (this.settled) return;
    this.#parts?.push(part);
    this.#signal();
  }

  /** Host: it is done. */
  done(output: unknown): void {
    if (this.settled) return;
    this.#state = 'done';
    this.#ended = performance.now();
    this.#resolve(output);
    this.#signal();
  }

  /** Host: it failed. */
  fail(error: unknown): void {
    if (!this.settled) this.#settle('failed', error);
  }

  /** Host: its kernel runs no more; `counts` is how far it came. */
  leave(counts?: { done: number; total: number }): void {
    if (counts) this.#counts = { done: counts.done, total: counts.total };
    this.slot = undefined;
    this.#stop();
  }

  #settle(state: 'failed' | 'cancelled', error: unknown): void {
    this.#counts = this.#owner.counts(this) ?? this.#counts;
    this.#state = state;
    this.#ended = performance.now();
    this.#error = error;
    this.#parts &&= [];
    this.#reject(error);
    this.#signal();
  }

  #signal(): void {
    this.#wake?.();
    this.#wake = undefined;
  }
}
