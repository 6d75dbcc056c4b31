// Arrays on their way through a queue: small ones inside of the job, large ones outside, checked by hash.
import { webcrypto } from 'node:crypto';
import type { Redis } from 'ioredis';
import { LoomworkError } from '../host/shared/errors.ts';
import { DTYPES } from '../host/shared/generated.ts';
import type { PackedArray } from '../host/shared/protocol.ts';
import type { ArrayStore } from './options.ts';

/** Larger arrays go outside: inside they are text. */
const INSIDE_BYTES = 32 * 1024;

/** An array as a job in the queue has it: JSON. */
export interface ArrayRef {
  dtype: number;
  length: number;
  shape?: readonly number[];
  /** Its bytes, as base64. */
  bytes?: string;
  /** Where they are. */
  key?: string;
  sha256?: string;
}

/** Values of Redis that expire. */
export function redisStore(connection: Redis): ArrayStore {
  return {
    async put(key, bytes, seconds) {
      await connection.set(key, Buffer.from(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.byteLength), 'EX', seconds);
    },
    async get(key) {
      return (await connection.getBuffer(key)) ?? undefined;
    },
    async delete(keys) {
      await connection.unlink(...keys);
    },
  };
}

/**
 * Gives arrays away.
 *
 * @param keyOf names the place of the array of that number
 */
export function putArrays(store: ArrayStore, arrays: readonly PackedArray[], seconds: number, keyOf: (index: number) => string): Promise<ArrayRef[]> {
  return Promise.all(arrays.map(async ({ dtype, buffer, byteOffset, length, shape }, index): Promise<ArrayRef> => {
    const bytes = new Uint8Array(buffer, byteOffset, length * DTYPES[dtype]!.size);
    const ref: ArrayRef = { dtype, length, ...(shape && { shape }) };
    if (bytes.length <= INSIDE_BYTES) return { ...ref, bytes: Buffer.from(bytes).toString('base64') };
    const key = keyOf(index);
    // Neither library takes views of shared memory.
    const own = buffer instanceof ArrayBuffer ? bytes : bytes.slice();
    const [sha256] = await Promise.all([hashOf(own), store.put(key, own, seconds)]);
    return { ...ref, key, sha256 };
  }));
}

/**
 * Takes arrays, each in a buffer that `room` makes.
 *
 * @throws LoomworkError QUEUE_LOST when one is not there any more, or not what it was
 */
export function getArrays(store: ArrayStore, refs: readonly ArrayRef[], room: (bytes: number) => ArrayBufferLike): Promise<PackedArray[]> {
  return Promise.all(refs.map(async ({ dtype, length, shape, bytes, key, sha256 }): Promise<PackedArray> => {
    const buffer = room(length * DTYPES[dtype]!.size);
    const found = bytes !== undefined ? Buffer.from(bytes, 'base64') : await store.get(key!);
    if (!found) throw new LoomworkError({ code: 'QUEUE_LOST', message: `an array of the job is not kept any more (${key}): keep it longer, by the option queue.keep` });
    if (found.length !== buffer.byteLength || (sha256 !== undefined && (await hashOf(found)) !== sha256)) {
      throw new LoomworkError({ code: 'QUEUE_LOST', message: `an array of the job is not what it was when it was sent (${key ?? 'inside of the job'}): ${found.length} bytes of ${buffer.byteLength}` });
    }
    new Uint8Array(buffer).set(found);
    return { dtype, buffer, byteOffset: 0, length, ...(shape && { shape }) };
  }));
}

/** Places of arrays that are outside. */
export function keysOf(refs: readonly ArrayRef[]): string[] {
  return refs.flatMap(({ key }) => key ?? []);
}

/** Not on this thread: it may be long. */
async function hashOf(bytes: Uint8Array): Promise<string> {
  return Buffer.from(await webcrypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>)).toString('hex');
}
