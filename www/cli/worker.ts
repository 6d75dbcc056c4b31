// `loomwork worker`: takes jobs from a queue on Redis and runs them on this machine.
import { Command, Option } from 'commander';
import { startWorker } from '../host/entry/queue-worker.ts';
import { wholeNumber } from './numbers.ts';
import { writeStderr, writeStdout } from './streams.ts';
import { counted, duration, paletteFor } from './terminal.ts';

interface Options {
  redis: string;
  queue: string;
  concurrency: number;
  threads?: number;
  lock: number;
  drain: number;
  json?: boolean;
}

const HELP = `
Jobs come from hosts with backend 'queue', and from
  loomwork run KERNEL … --backend queue --redis URL
Start one worker on each machine; any number share a queue. One that dies
is noticed after --lock, and another takes its jobs over. A job that failed
for good stays in BullMQ's failed set, with its reason, for a week.

Signals:
  SIGTERM, Ctrl-C   takes no more jobs, ends those that it has, and ends

Examples:
  loomwork worker --redis redis://127.0.0.1:6379
  loomwork worker --redis rediss://user:password@redis.example --concurrency 4
  REDIS_URL=redis://127.0.0.1 loomwork worker --json`;

export function workerCommand(): Command {
  return new Command('worker')
    .summary('take jobs from a queue')
    .description('Takes jobs from a queue on Redis and runs them on every core of this machine, until Ctrl-C.')
    // Its default may hold a password, which help must not show.
    .addOption(new Option('--redis <URL>', 'address of Redis').default(process.env['REDIS_URL'] ?? 'redis://127.0.0.1:6379', 'REDIS_URL, else redis://127.0.0.1:6379'))
    .option('--queue <NAME>', 'name of the queue', 'loomwork')
    .option('--concurrency <N>', 'jobs at once', wholeNumber(1, 64), 2)
    .option('--threads <N>', 'threads that they share (default: one per core)', wholeNumber(1, 256))
    .option('--lock <MS>', 'milliseconds without a sign after which another worker takes over', wholeNumber(500, 3_600_000), 10_000)
    .option('--drain <MS>', 'milliseconds that jobs have to end when the worker is to stop', wholeNumber(0, 2 ** 31 - 1), 30_000)
    .option('--json', 'print JSON lines')
    .addHelpText('after', HELP)
    .action(work);
}

async function work({ redis, queue, concurrency, threads, lock, drain, json = false }: Options): Promise<void> {
  const worker = await startWorker({ redis, name: queue, concurrency, lock, host: { ...(threads !== undefined && { threads }) } });
  const colours = paletteFor(process.stdout);
  const line = (event: string, text: string, more: object) => writeStdout(json ? `${JSON.stringify({ event, time: Date.now(), ...more })}\n` : text);
  worker.onEnd((end) => {
    const shard = end.shard >= 0 ? `, shard ${end.shard + 1}` : '';
    const what = end.outcome === 'failed' ? colours.red(end.outcome) : end.outcome;
    void line('end', `${end.kernel}${shard}: ${what} after ${duration(end.milliseconds)}${end.error ? `: ${end.error}` : ''} ${colours.dim(end.id)}\n`, end);
  });
  // Before it says that it is ready: whoever has read that may signal at once, and a signal that nobody handles kills.
  const told = toldToStop();
  await line('ready', `Taking jobs from queue '${queue}' at ${colours.cyan(worker.address)}\n${colours.dim(`${concurrency} at once on ${counted(worker.threads, 'thread')}; Ctrl-C ends it`)}\n`, { queue, address: worker.address, concurrency, threads: worker.threads });
  await told;
  if (!json && worker.stats.running > 0) await writeStderr(`${counted(worker.stats.running, 'job')} left; again to end at once\n`);
  await worker.close(drain);
  const { done, failed, cancelled } = worker.stats;
  await line('stopped', `${counted(done, 'job')} done, ${failed} failed, ${cancelled} cancelled\n`, { done, failed, cancelled });
}

/** Settles at the first signal to end. A second one does not wait. */
function toldToStop(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.once(signal, () => {
        process.once(signal, () => process.exit(130));
        resolve();
      });
    }
  });
}
