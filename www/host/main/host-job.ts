// A job as its host holds it: what its caller sees, and what the queue and the engine write down of it.
import type { Counts } from '../shared/control.ts';
import type { Engine, Task } from './engine.ts';
import type { Job, JobState, Timing } from './job.ts';
import type { Progress } from './options.ts';
import type { Staged } from './stage.ts';

/** What a host does for its jobs. */
export interface JobOwner {
  /** The caller wants it stopped. */
  cancel(job: HostJob): void;
  /** Somebody reads its parts. */
  stream(job: HostJob): void;
  /** The caller has done with its output. */
  release(job: HostJob): void;
}

const NOTHING: Staged = { arrays: [], transfer: [], bytes: 0 };
const NO_PARAMS = new Uint8Array(0);

export class HostJob implements Job, Task {
  readonly id: number;
  readonly kernel: string;
  /** It came packed, and its output and parts stay so. */
  readonly packed: boolean;
  readonly created = performance.now();
  // The scheduler's:
  priority = 0;
  caller = '';
  /** Whether it waits in the queue. */
  waiting = false;
  // The engine's:
  params: Uint8Array = NO_PARAMS;
  inputs: Staged = NOTHING;
  lend = false;
  slot = -1;
  deadline = Infinity;
  expire: () => void = () => {};
  /** Where it is. */
  engine: Engine | undefined;
  /** Times that the engine around it was lost, and those of them for which it may have been the cause. */
  retries = 0;
  crashes = 0;
  /** Ends what is tied to the job: timers, listeners. */
  untie: (() => void) | undefined;

  readonly #owner: JobOwner;
  readonly #output: Promise<unknown>;
  #resolve!: (output: unknown) => void;
  #reject!: (reason: unknown) => void;
  #stopped: { promise: Promise<void>; resolve: () => void } | undefined;
  #left = false;
  #settled: 'done' | 'failed' | 'cancelled' | undefined;
  #error: unknown;
  #started: number | undefined;
  #ended: number | undefined;
  #counts: Counts | undefined;
  /** Parts that no iterator has taken yet; undefined until somebody iterates. */
  #parts: unknown[] | undefined;
  /** Numbers of the parts that the caller has had, for when it runs again. */
  #had: Set<number> | undefined;
  #wake: (() => void) | undefined;

  constructor(id: number, kernel: string, owner: JobOwner, packed = false) {
    this.id = id;
    this.kernel = kernel;
    this.packed = packed;
    this.#owner = owner;
    this.#output = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  get state(): JobState {
    return this.#settled ?? (this.engine?.began(this) ? 'running' : 'queued');
  }

  /** Whether its caller has its answer. */
  get settled(): boolean {
    return this.#settled !== undefined;
  }

  get streaming(): boolean {
    return this.#parts !== undefined;
  }

  get stopped(): Promise<void> {
    if (!this.#stopped) {
      let resolve!: () => void;
      const promise = new Promise<void>((done) => {
        resolve = done;
      });
      this.#stopped = { promise, resolve };
      if (this.#left) resolve();
    }
    return this.#stopped.promise;
  }

  get progress(): Progress {
    const { done, total } = this.#counts ?? this.engine?.counts(this) ?? { done: 0, total: 0 };
    return { done, total, fraction: total > 0 ? Math.min(1, done / total) : this.#settled === 'done' ? 1 : 0 };
  }

  get timing(): Timing {
    const now = this.#ended ?? performance.now();
    const started = Math.min(now, this.#started ?? (this.engine?.began(this) || now));
    return { queued: started - this.created, running: now - started, retries: this.retries };
  }

  cancel(reason: unknown = new DOMException('the job was cancelled', 'AbortError')): void {
    if (this.#settled) return;
    this.#settle('cancelled', reason);
    this.#owner.cancel(this);
  }

  release(): void {
    this.#owner.release(this);
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
      this.#had = new Set();
      this.#owner.stream(this);
    }
    return this.#iterate();
  }

  async *#iterate(): AsyncGenerator<unknown, void, undefined> {
    // The iterator throws what the job rejects with: whoever iterates has heard of it.
    this.#output.catch(() => {});
    for (;;) {
      while (this.#parts !== undefined && this.#parts.length > 0) yield this.#parts.shift();
      if (this.#settled === 'done') return;
      if (this.#settled) throw this.#error;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** Host: a part came. `unpack` makes it, if it is wanted. */
  addPart(number: number, unpack: () => unknown): void {
    if (this.#settled || !this.#parts || this.#had!.has(number)) return;
    this.#had!.add(number);
    this.#parts.push(unpack());
    this.#signal();
  }

  /** Host: its kernel began then, by `performance.now()`. */
  began(at: number): void {
    this.#started = at;
  }

  /** Host: it is done. */
  done(output: unknown, counts: Counts, at: number): void {
    if (this.#settled) return;
    this.#settled = 'done';
    this.#counts = counts;
    this.#ended = at;
    this.#resolve(output);
    if (this.#parts) this.#signal();
    this.untie?.();
  }

  /** Host: it failed. */
  fail(error: unknown): void {
    if (!this.#settled) this.#settle('failed', error);
  }

  /** Host: its kernel runs no more, and its caller waits for nothing else. */
  halted(): void {
    this.#left = true;
    this.#stopped?.resolve();
  }

  /** Host: nothing of it runs or waits any more. */
  leave(counts?: Counts): void {
    if (counts) this.#counts = { done: counts.done, total: counts.total };
    this.engine = undefined;
    this.inputs.release?.();
    this.inputs = NOTHING;
    this.#left = true;
    this.#stopped?.resolve();
  }

  #settle(state: 'failed' | 'cancelled', error: unknown): void {
    // A kernel that is still running goes on counting until it has stopped.
    if (state === 'failed') this.#counts ??= this.engine?.counts(this);
    this.#started ??= this.engine?.began(this) || undefined;
    this.#settled = state;
    this.#ended = performance.now();
    this.#error = error;
    this.#parts &&= [];
    this.#reject(error);
    this.#signal();
    this.untie?.();
  }

  #signal(): void {
    this.#wake?.();
    this.#wake = undefined;
  }
}
