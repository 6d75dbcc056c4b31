// Copies a job's arrays off the caller's hands without holding its thread: small ones at once, large ones slice by slice.
import type { PackedArray } from '../shared/protocol.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { DTYPES } from '../shared/generated.ts';
import { LEAST, type Place, type Room } from './arena.ts';

/** Up to so many bytes in all are copied at once. */
const AT_ONCE = 1 << 20;
/** Bytes between two looks at the event loop: well under a millisecond's copy, page faults included. */
const SLICE = 1 << 20;

/** Arrays ready to be posted, and the buffers that move with them. They are kept until the job is answered: it may have to run again. */
export interface Staged {
  arrays: PackedArray[];
  transfer: ArrayBuffer[];
  /** Of all arrays. */
  bytes: number;
  /** Gives back the memory that copies lie in. */
  release?(): void;
}

/** Sets memory of the instance aside, where that can be done: what is copied there is not copied again. */
export interface Reserve {
  take(bytes: number, zeroed: boolean): Place | undefined;
  room(bytes: number): Room | undefined;
}

/** Copies up to so many bytes in all are posted as clones: cheaper than a shared buffer of their own. */
const CLONED = 1 << 16;

/**
 * Makes each array one that can be posted: shared ones stay, those whose buffer is in `transfer` are moved, the others copied.
 *
 * @param shared whether memory can be shared with those who get them
 * @param reserve where copies go if it has room
 * @returns at once for small inputs; else a promise, until which the caller must not change them
 */
export function stage(
  arrays: readonly PackedArray[],
  transfer: readonly ArrayBuffer[],
  shared: boolean,
  reserve: Reserve | undefined,
  runtime: Runtime,
): Staged | Promise<Staged> {
  if (arrays.length === 0 && transfer.length === 0) return { arrays: [], transfer: [], bytes: 0 };
  // Moved at once, so that the caller's are empty as after any `postMessage`.
  const moved = transfer.length === 0 ? NONE_MOVED : new Map<ArrayBufferLike, ArrayBuffer>([...new Set(transfer)].map((buffer) => [buffer, structuredClone(buffer, { transfer: [buffer] })]));
  const toCopy = arrays.filter(({ buffer }) => !moved.has(buffer) && buffer instanceof ArrayBuffer);
  const bytes = toCopy.reduce((sum, array) => sum + byteLength(array), 0);
  const staged = new Staging(moved, shared, reserve, bytes <= CLONED);
  if (bytes > AT_ONCE) return copySlowly(arrays, staged, runtime);
  try {
    for (const array of arrays) if (!staged.keeps(array)) staged.copyOf(array).set(bytesOf(array));
  } catch (thrown) {
    staged.release();
    throw thrown;
  }
  return staged;
}

async function copySlowly(arrays: readonly PackedArray[], staged: Staging, runtime: Runtime): Promise<Staged> {
  try {
    for (const array of arrays) {
      if (staged.keeps(array)) continue;
      const from = bytesOf(array);
      const to = staged.copyOf(array);
      for (let at = 0; at < to.length; at += SLICE) {
        // Of a buffer that was moved away nothing is left, and nothing would be copied without a word.
        if (from.length < to.length) throw new TypeError('an array was detached while it was copied: leave it alone until its job is answered, or transfer it');
        to.set(from.subarray(at, at + SLICE), at);
        await runtime.yield();
      }
    }
  } catch (thrown) {
    staged.release();
    throw thrown;
  }
  return staged;
}

/** The caller's buffers, and what they were moved to. */
type Moved = ReadonlyMap<ArrayBufferLike, ArrayBuffer>;

const NONE_MOVED: Moved = new Map();

class Staging implements Staged {
  readonly arrays: PackedArray[] = [];
  readonly transfer: ArrayBuffer[] = [];
  bytes = 0;
  readonly #moved: Moved;
  /** Copies outside of the reserve lie in shared memory where there is some, so that posting moves nothing and the copy stays here too. */
  readonly #shared: boolean;
  readonly #cloned: boolean;
  readonly #reserve: Reserve | undefined;
  readonly #reserved: Room[] = [];

  constructor(moved: Moved, shared: boolean, reserve: Reserve | undefined, cloned: boolean) {
    this.#moved = moved;
    this.#shared = shared && !cloned;
    this.#cloned = cloned;
    this.#reserve = reserve;
  }

  /** Takes an array that need not be copied by the caller: its buffer is shared or moves, or it is small and is copied here and now. */
  keeps(array: PackedArray): boolean {
    const buffer = this.#moved.get(array.buffer) ?? (array.buffer instanceof ArrayBuffer ? undefined : array.buffer);
    if (!buffer) return false;
    const kept = { ...array, buffer };
    const room = byteLength(kept) < LEAST ? this.#inReserve(kept) : undefined;
    if (room) {
      // What lies in the instance needs no message, which costs more than the copy.
      room.set(bytesOf(kept));
      return true;
    }
    this.bytes += byteLength(kept);
    this.arrays.push(kept);
    if (buffer instanceof ArrayBuffer && !this.transfer.includes(buffer)) this.transfer.push(buffer);
    return true;
  }

  /** Room for a copy of an array. */
  copyOf(array: PackedArray): Uint8Array {
    const reserved = this.#inReserve(array);
    if (reserved) return reserved;
    const buffer = this.#shared ? new SharedArrayBuffer(byteLength(array)) : new ArrayBuffer(byteLength(array));
    this.bytes += byteLength(array);
    this.arrays.push({ ...array, buffer, byteOffset: 0 });
    if (buffer instanceof ArrayBuffer && !this.#cloned) this.transfer.push(buffer);
    return new Uint8Array(buffer);
  }

  #inReserve(array: PackedArray): Uint8Array | undefined {
    const room = this.#reserve?.room(byteLength(array));
    if (!room) return undefined;
    this.#reserved.push(room);
    // Written out: spreading shows in a small job's way. Its shape stands in the params.
    const copy: PackedArray = { dtype: array.dtype, buffer: room.buffer, byteOffset: room.byteOffset, length: array.length };
    this.bytes += byteLength(copy);
    this.arrays.push(copy);
    return bytesOf(copy);
  }

  release(): void {
    for (const room of this.#reserved.splice(0)) room.giveBack();
  }
}

function bytesOf(array: PackedArray): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, byteLength(array));
}

function byteLength({ dtype, length }: PackedArray): number {
  return length * DTYPES[dtype]!.size;
}
