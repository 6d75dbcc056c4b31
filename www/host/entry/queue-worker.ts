// queue-worker.js: takes jobs from a queue, in Node.
import type { QueueWorker, WorkerOptions } from '../../queue/queue-worker.ts';
import { startWorkerIn } from '../../queue/worker.ts';
import { node } from '../runtime/node.ts';

export type { ArrayStore, QueueOptions } from '../../queue/options.ts';
export type { QueueWorker, WorkerOptions, WorkerStats } from '../../queue/queue-worker.ts';

/**
 * Starts a worker: it takes jobs that hosts with `backend: 'queue'` send, and runs them on this machine.
 *
 * @throws LoomworkError `START_FAILED`, `UNSUPPORTED` or `BAD_PARAMS`
 * @example
 * const worker = await startWorker({ redis: 'redis://127.0.0.1:6379', concurrency: 4 });
 * process.once('SIGTERM', () => worker.close());
 */
export function startWorker(options: WorkerOptions): Promise<QueueWorker> {
  return startWorkerIn(node, options);
}
