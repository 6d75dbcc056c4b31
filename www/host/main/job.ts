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
  /** How often it ran again because the instance that ran it was lost through no fault of its own. */
  retries: number;
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
   * Stops the job: it rejects at once, with `reason` or an `AbortError`; its kernel stops at its next check, and one that never checks is
   * ended by force after the host's `grace`.
   */
  cancel(reason?: unknown): void;
  /** Resolves when the job's kernel no longer runs: at its end, or when a cancelled kernel has really stopped. */
  readonly stopped: Promise<void>;
  /** Frees the output of a job that was run with `output: 'shared'`. Its arrays must not be touched afterwards. */
  release(): void;
}
