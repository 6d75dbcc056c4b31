// What a queue is: where its Redis is, and how patient everybody is. The same for who sends jobs and who takes them.
import { badParams } from '../host/shared/errors.ts';

/** Keeps large arrays outside of the queue. Whatever it does, what is read must be what was written: it is checked by hash. */
export interface ArrayStore {
  /** Keeps bytes under a key for `seconds` at least. */
  put(key: string, bytes: Uint8Array, seconds: number): Promise<void>;
  /** The bytes, or undefined when they are not there any more. */
  get(key: string): Promise<Uint8Array | undefined>;
  delete(keys: string[]): Promise<void>;
}

/** A queue on Redis, for the `queue` backend and its workers. */
export interface QueueOptions {
  /** Address of Redis: `redis://[user:password@]host[:port][/db]`, `rediss://` with TLS. */
  redis: string;
  /**
   * Name of the queue: who takes jobs must have the same.
   *
   * @default 'loomwork'
   */
  name?: string;
  /**
   * Where large arrays are kept.
   *
   * @default in the same Redis, as values that expire
   */
  store?: ArrayStore;
  /**
   * Milliseconds without Redis after which jobs fail with `QUEUE_LOST`.
   *
   * @default 60000
   */
  patience?: number;
  /**
   * Times that a job is tried when it fails by no fault of its params: a worker that crashes, an array that is gone.
   *
   * @default 3
   */
  attempts?: number;
  /**
   * Seconds for which arrays are kept, and so the longest that a job may wait and run.
   *
   * @default 3600
   */
  keep?: number;
  /**
   * Milliseconds after which another worker takes over from one that gives no sign.
   *
   * @default 10000
   */
  lock?: number;
}

/** The same, checked. */
export interface CheckedQueueOptions {
  redis: string;
  name: string;
  store: ArrayStore | undefined;
  patience: number;
  attempts: number;
  keep: number;
  lock: number;
}

const KEYS = ['redis', 'name', 'store', 'patience', 'attempts', 'keep', 'lock'];

/** @throws LoomworkError BAD_PARAMS naming the option */
export function checkQueueOptions(options: unknown): CheckedQueueOptions {
  if (typeof options !== 'object' || options === null) throw badParams('queue', 'is needed by backend "queue", as in { redis: "redis://127.0.0.1:6379" }');
  for (const key of Object.keys(options)) if (!KEYS.includes(key)) throw badParams(`queue.${key}`, `is not an option; the options are ${KEYS.join(', ')}`);
  const { redis, name = 'loomwork', store, patience = 60_000, attempts = 3, keep = 3600, lock = 10_000 } = options as QueueOptions;
  if (typeof redis !== 'string' || !/^rediss?:$/.test(protocolOf(redis))) throw badParams('queue.redis', 'must be an address of Redis, as in redis://127.0.0.1:6379');
  // A colon parts the names of Redis' keys.
  if (typeof name !== 'string' || !/^[\w.-]{1,100}$/.test(name)) throw badParams('queue.name', `must be letters, digits, '.', '_' and '-', got ${JSON.stringify(name)}`);
  if (store !== undefined && !['put', 'get', 'delete'].every((method) => typeof (store as unknown as Record<string, unknown> | null)?.[method] === 'function')) throw badParams('queue.store', 'must have the methods put, get and delete');
  whole('patience', patience, 100, 2 ** 31 - 1);
  whole('attempts', attempts, 1, 100);
  whole('keep', keep, 1, 2 ** 31 - 1);
  whole('lock', lock, 500, 3_600_000);
  return { redis, name, store, patience, attempts, keep, lock };
}

function protocolOf(address: string): string {
  return URL.canParse(address) ? new URL(address).protocol : '';
}

function whole(key: string, value: unknown, least: number, most: number): void {
  if (!Number.isInteger(value) || (value as number) < least || (value as number) > most) throw badParams(`queue.${key}`, `must be a whole number from ${least} to ${most}, got ${String(value)}`);
}
