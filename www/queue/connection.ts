// The way to Redis: the libraries that only a queue needs, and connections that say what is wrong.
import type * as BullMQ from 'bullmq';
import type { Redis } from 'ioredis';
import { LoomworkError, textOf } from '../host/shared/errors.ts';
import type { CheckedQueueOptions } from './options.ts';

/** With the versions that this package is tested with. */
const NEEDED = 'bullmq@6 ioredis@6';
/** Of everything that a queue has in Redis. */
export const PREFIX = 'loomwork';
/** Between two tries to reach Redis. */
const LONGEST_PAUSE_MS = 1000;

export interface Libraries {
  bullmq: typeof BullMQ;
  Redis: typeof Redis;
}

/** @throws LoomworkError UNSUPPORTED that says what to install */
export async function loadLibraries(): Promise<Libraries> {
  try {
    const [bullmq, ioredis] = await Promise.all([import('bullmq'), import('ioredis')]);
    return { bullmq, Redis: ioredis.Redis };
  } catch (thrown) {
    if (!/ERR_MODULE_NOT_FOUND|MODULE_NOT_FOUND/.test((thrown as NodeJS.ErrnoException).code ?? '')) throw thrown;
    throw new LoomworkError({ code: 'UNSUPPORTED', message: `backend "queue" needs libraries that are not installed: npm install ${NEEDED}` }, { cause: thrown });
  }
}

/** The address without what is secret in it. */
export function shownAddress(redis: string): string {
  const { protocol, host, pathname } = new URL(redis);
  return `${protocol}//${host}${pathname === '/' ? '' : pathname}`;
}

/**
 * A connection that comes back by itself.
 *
 * @throws LoomworkError START_FAILED when Redis cannot be reached now
 */
export async function connect({ Redis }: Libraries, { redis }: CheckedQueueOptions, timeout: number): Promise<Redis> {
  // The queue's library wants commands to wait for as long as Redis is away.
  const connection = new Redis(redis, { maxRetriesPerRequest: null, lazyConnect: true, retryStrategy: (times) => Math.min(LONGEST_PAUSE_MS, 20 * times) });
  let last: unknown;
  connection.on('error', (error) => {
    last = error;
  });
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${timeout} ms`)), timeout);
  });
  try {
    // Refused at once is refused: a start tells so.
    await Promise.race([connection.connect().then(() => connection.ping()), late]);
    return connection;
  } catch (thrown) {
    connection.disconnect();
    // The connection's own error tells more than that it is closed.
    const cause = last ?? thrown;
    throw new LoomworkError({ code: 'START_FAILED', message: `Redis cannot be reached at ${shownAddress(redis)}: ${reasonOf(cause)}` }, { cause });
  } finally {
    clearTimeout(timer);
  }
}

function reasonOf(thrown: unknown): string {
  const { code } = thrown as NodeJS.ErrnoException;
  if (code === 'ECONNREFUSED') return 'nothing listens there';
  if (code === 'ENOTFOUND') return 'there is no such host';
  return textOf(thrown);
}
