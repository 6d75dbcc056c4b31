// What a worker of a queue is to the program that starts it: types only, which the package publishes.
import type { HostOptions } from '../host/main/options.ts';
import type { QueueOptions } from './options.ts';

/** Options of {@link startWorker}. */
export interface WorkerOptions extends QueueOptions {
  /**
   * Jobs at once.
   *
   * @default 2
   */
  concurrency?: number;
  /** The host that runs them. */
  host?: Omit<HostOptions, 'backend' | 'queue'> & { backend?: Exclude<HostOptions['backend'], 'queue'> };
}

/** What a worker has done. */
export interface WorkerStats {
  done: number;
  failed: number;
  cancelled: number;
  running: number;
}

/** A worker that takes jobs. */
export interface QueueWorker {
  /** Where the queue is, without what is secret. */
  readonly address: string;
  readonly threads: number;
  readonly concurrency: number;
  readonly stats: WorkerStats;
  /** Calls `listener` at the end of each job. */
  onEnd(listener: (event: { id: string; kernel: string; shard: number; outcome: 'done' | 'failed' | 'cancelled'; milliseconds: number; error?: string }) => void): void;
  /** Takes no more jobs, ends those that it has, for `drain` milliseconds at most: what is left another worker takes over. */
  close(drain?: number): Promise<void>;
}
