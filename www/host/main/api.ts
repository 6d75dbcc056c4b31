// The host as its callers know it.
// Its declarations name Symbol.asyncDispose, which a caller's own `lib` need not have.
/// <reference lib="esnext.disposable" preserve="true" />
import type { Artifact } from '../shared/artifact.ts';
import type { KernelMap } from '../shared/generated.ts';
import type { Job, KernelTypes } from './job.ts';
import type { Backend, RunOptions } from './options.ts';

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
   * until the job runs, or give them away with `transfer`, or let them lie in shared memory.
   */
  run<Name extends keyof Kernels & string>(
    kernel: Name,
    params: Kernels[Name] extends KernelTypes ? Kernels[Name]['params'] : never,
    options?: RunOptions,
  ): Job<Kernels[Name] extends KernelTypes ? Kernels[Name] : never>;
  /** Takes no more jobs, waits for those that it has, then ends every worker and frees the memory. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}
