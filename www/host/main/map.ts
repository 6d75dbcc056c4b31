// Many jobs of one kernel: a list in, outputs out, in order, with no more at once than is wanted.
import type { HostJob } from './host-job.ts';

/**
 * Runs a kernel on each of a list's params and yields the outputs in the order of the list. Params are taken from the list only as they are
 * needed. Leaving the loop early, or a job that fails, cancels the jobs that are still under way.
 *
 * @param ready resolves when one more job may be started
 */
export async function* mapJobs(
  list: Iterable<unknown> | AsyncIterable<unknown>,
  concurrency: number,
  ready: () => Promise<void>,
  run: (params: unknown) => HostJob,
): AsyncGenerator<unknown, void, undefined> {
  const source = Symbol.asyncIterator in list ? list[Symbol.asyncIterator]() : list[Symbol.iterator]();
  const underWay: HostJob[] = [];
  let more = true;
  try {
    while (more || underWay.length > 0) {
      while (more && underWay.length < concurrency) {
        const next = await source.next();
        if (next.done) more = false;
        else {
          await ready();
          const job = run(next.value);
          // Heard of below, in its turn.
          job.catch(() => {});
          underWay.push(job);
        }
      }
      const first = underWay[0];
      if (!first) return;
      const output = await first;
      underWay.shift();
      yield output;
    }
  } finally {
    for (const job of underWay) job.cancel();
    if (more) await source.return?.();
  }
}
