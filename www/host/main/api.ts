// The host as its callers know it.
// Its declarations name Symbol.asyncDispose, which a caller's own `lib` need not have.
/// <reference lib="esnext.disposable" preserve="true" />
import type { Artifact } from '../shared/artifact.ts';
import type { TypedArray } from '../shared/generated.ts';
import type { KernelMap } from '../shared/kernels.ts';
import type { Job, KernelTypes } from './job.ts';
import type { Backend, RunOptions } from './options.ts';
import type { HostStats, Trace } from './stats.ts';

type ParamsOf<Kernels, Name extends keyof Kernels> = Kernels[Name] extends KernelTypes ? Kernels[Name]['params'] : never;
type OutputOf<Kernels, Name extends keyof Kernels> = Kernels[Name] extends KernelTypes ? Kernels[Name]['output'] : never;

/** What happens to a host, for {@link Host.on}. */
export interface HostEvents {
  /** An instance takes jobs: the first, one in the place of another, or one with another number of threads. */
  start: { threads: number; milliseconds: number };
  /** An instance, or a worker of one, was lost; `jobs` were inside. */
  crash: { reason: string; jobs: number };
  /** Another took its place. */
  restart: { reason: string; milliseconds: number };
}

/** A place where kernels run. Made by `createHost`; ends with `close`. */
export interface Host<Kernels = KernelMap> {
  /** Where kernels run. */
  readonly backend: Backend;
  /** Why there, and what to change to get better. */
  readonly why: string;
  /** Threads that a kernel runs on. */
  readonly threads: number;
  /** The compiled variant in use. */
  readonly artifact: Artifact;
  /** Names of the kernels. */
  readonly kernels: readonly string[];
  /**
   * Runs a kernel. Never throws: every failure rejects the job.
   *
   * Arrays of up to 1 MiB in all are copied at once. Larger ones are copied in slices while the event loop goes on: leave them alone
   * until the job runs, or give them away with `transfer`. Large arrays in shared memory ({@link Host.alloc}) are not copied: leave them
   * alone until the job has ended.
   */
  run<Name extends keyof Kernels & string>(
    kernel: Name,
    params: ParamsOf<Kernels, Name>,
    options?: RunOptions,
  ): Job<Kernels[Name] extends KernelTypes ? Kernels[Name] : never>;
  /**
   * Runs a kernel on each of a list's params, at most `concurrency` (the host's by default) at once, and yields the outputs in the order of
   * the list. Leaving the loop early cancels what is under way.
   *
   * @example
   * for await (const { image } of host.map('image.decode', files.map((data) => ({ data })))) show(image);
   */
  map<Name extends keyof Kernels & string>(
    kernel: Name,
    list: Iterable<ParamsOf<Kernels, Name>> | AsyncIterable<ParamsOf<Kernels, Name>>,
    options?: Omit<RunOptions, 'transfer' | 'onProgress' | 'output'> & { concurrency?: number },
  ): AsyncGenerator<OutputOf<Kernels, Name>, void, undefined>;
  /**
   * An array, zeroed, that goes to a kernel without a copy, any number of times: on the `threads` backend it lies in the instance's own memory, and
   * kernels read it there. Leave it alone while its job runs. It is there for as long as you hold it or a view of it.
   *
   * Its `buffer` is the instance's whole memory, so pass the array, not the buffer. An array of less than 64 KiB, or for which a quarter of
   * `maxMemory` has no room, and any in WebKit, lies in shared memory of its own and is copied in; where memory cannot be shared it is an
   * ordinary array.
   *
   * @example
   * const pixels = host.alloc(Uint8Array, width * height * 4);
   * for (;;) {
   *   await camera.read(pixels);
   *   show(await host.run('image.blur', { image: { data: pixels, width, height }, sigma: 2 }));
   * }
   */
  alloc<A extends TypedArray>(type: new (buffer: ArrayBuffer, byteOffset?: number, length?: number) => A, length: number): A;
  /** Resolves when the queue has room for one more job. */
  ready(): Promise<void>;
  /** Starts no more jobs until `resume`; those inside go on. */
  pause(): void;
  resume(): void;
  /**
   * Opens every lane and, when given a kernel, runs it a few times on each, so that later jobs find threads started and code compiled.
   */
  warmUp<Name extends keyof Kernels & string>(kernel?: Name, params?: ParamsOf<Kernels, Name>): Promise<void>;
  /**
   * Changes the number of threads: starts an instance of so many and hands it the queue; jobs that run go on where they are.
   */
  resize(threads: number): Promise<void>;
  /** Counters and histograms since the start. */
  stats(): HostStats;
  /** The latest jobs as Chrome trace events: save it as JSON and open it in Perfetto. */
  trace(): Trace;
  /** Calls `listener` at each event of a kind, until the returned function is called. */
  on<Name extends keyof HostEvents>(event: Name, listener: (detail: HostEvents[Name]) => void): () => void;
  /** Takes no more jobs, waits for those that it has, then ends every worker and frees the memory. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}
