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
  /** Copies what was staged outside of a reserve, before there was one, into it now: arrays that take a moment only. */
  moveInto?(reserve: Reserve): void;
  /** Gives back the memory that copies lie in. */
  release?(): void;
}

/** Sets memory of the instance aside, where that can be done: what is copied there is not copied again. */
export interface Reserve {
  take(bytes: number, zeroed: boolean): Place | undefined;
  /** Room for a copy of an array; one that is an array itself stands where its place is, which may move. */
  room(array: PackedArray): Room | (Room & PackedArray) | undefined;
}

/** Where a job's arrays can lie until it is answered. */
export interface Places {
  /** Whether memory can be shared with those who get them. */
  shared: boolean;
  /** Where copies go if it has room. */
  reserve: Reserve | undefined;
  /** Whether buffers in `transfer` are moved on where there is no reserve: what is moved may be lost with whoever has it. */
  moves: boolean;
}

/** Copies up to so many bytes in all are posted as clones: cheaper than a shared buffer of their own. */
const CLONED = 1 << 16;

/**
 * Makes each array one that can be posted. Those of the caller, and those whose buffer is in `transfer`, are copied into the reserve: what lies
 * there needs no message, and is not lost with a worker. Without room there, those are moved, and the others copied outside of it. Large arrays in
 * shared memory stay.
 *
 * @returns at once for small inputs; else a promise, until which the caller must not change them
 * @throws TypeError when an array is detached before it is copied
 */
export function stage(
  arrays: readonly PackedArray[],
  transfer: readonly ArrayBuffer[],
  places: Places,
  runtime: Runtime,
): Staged | Promise<Staged> {
  if (arrays.length === 0 && transfer.length === 0) return { arrays: [], transfer: [], bytes: 0 };
  // Moved at once, so that the caller's are empty as after any `postMessage`.
  const moved = transfer.length === 0 ? NONE_MOVED : new Map<ArrayBufferLike, ArrayBuffer>([...new Set(transfer)].map((buffer) => [buffer, structuredClone(buffer, { transfer: [buffer] })]));
  const given = moved === NONE_MOVED ? arrays : arrays.map((array) => ({ ...array, buffer: moved.get(array.buffer) ?? array.buffer }));
  const toCopy = arrays.filter(({ buffer }) => buffer instanceof ArrayBuffer && (places.reserve !== undefined || !places.moves || !moved.has(buffer)));
  const bytes = toCopy.reduce((sum, array) => sum + byteLength(array), 0);
  const staged = new Staging(places.moves || places.reserve ? new Set(moved.values()) : new Set(), places, bytes <= CLONED);
  if (bytes > AT_ONCE) return copySlowly(given, staged, runtime);
  try {
    for (const array of given) {
      const copy = staged.take(array);
      if (copy) bytesOf(copy).set(bytesOf(array));
    }
  } catch (thrown) {
    staged.release();
    throw thrown;
  }
  return staged;
}

async function copySlowly(arrays: readonly PackedArray[], staged: Staging, runtime: Runtime): Promise<Staged> {
  try {
    for (const array of arrays) {
      const copy = staged.take(array);
      if (!copy) continue;
      const from = bytesOf(array);
      const bytes = byteLength(array);
      for (let at = 0; at < bytes; at += SLICE) {
        // Of a buffer that was moved away nothing is left, and nothing would be copied without a word.
        if (from.length < bytes) throw new TypeError('an array was detached while it was copied: leave it alone until its job is answered, or transfer it');
        bytesOf(copy).set(from.subarray(at, at + SLICE), at);
        await runtime.yield();
      }
    }
  } catch (thrown) {
    staged.release();
    throw thrown;
  }
  return staged;
}

const NONE_MOVED: ReadonlyMap<ArrayBufferLike, ArrayBuffer> = new Map();

class Staging implements Staged {
  readonly arrays: PackedArray[] = [];
  transfer: ArrayBuffer[] = [];
  bytes = 0;
  /** The buffers that were moved here, and may be moved on. */
  readonly #moved: ReadonlySet<ArrayBufferLike>;
  /** Copies outside of the reserve lie in shared memory where there is some, so that posting moves nothing and the copy stays here too. */
  readonly #shared: boolean;
  readonly #cloned: boolean;
  readonly #reserve: Reserve | undefined;
  readonly #reserved: Room[] = [];

  constructor(moved: ReadonlySet<ArrayBufferLike>, { shared, reserve }: Places, cloned: boolean) {
    this.#moved = moved;
    this.#shared = shared && !cloned;
    this.#cloned = cloned;
    this.#reserve = reserve;
  }

  /** Takes an array in. Returns what a copy of it is to be written to, or nothing when it goes as it is. */
  take(array: PackedArray): PackedArray | undefined {
    const isShared = !(array.buffer instanceof ArrayBuffer);
    const reserved = isShared && byteLength(array) >= LEAST ? undefined : this.#inReserve(array);
    if (reserved) return reserved;
    if (array.length === 0) {
      // Nothing has to go anywhere.
      this.arrays.push({ ...array, buffer: new ArrayBuffer(0), byteOffset: 0 });
      return undefined;
    }
    this.bytes += byteLength(array);
    if (isShared || this.#moved.has(array.buffer)) {
      this.arrays.push(array);
      if (array.buffer instanceof ArrayBuffer && !this.transfer.includes(array.buffer)) this.transfer.push(array.buffer);
      return undefined;
    }
    const buffer = this.#shared ? new SharedArrayBuffer(byteLength(array)) : new ArrayBuffer(byteLength(array));
    const copy = { ...array, buffer, byteOffset: 0 };
    this.arrays.push(copy);
    if (buffer instanceof ArrayBuffer && !this.#cloned) this.transfer.push(buffer);
    return copy;
  }

  moveInto(reserve: Reserve): void {
    for (const [index, array] of this.arrays.entries()) {
      if (!(array.buffer instanceof ArrayBuffer) || byteLength(array) > AT_ONCE) continue;
      const copy = this.#inRoom(array, reserve.room(array));
      if (!copy) continue;
      this.arrays[index] = copy;
      bytesOf(copy).set(bytesOf(array));
    }
    this.transfer = this.transfer.filter((buffer) => this.arrays.some((array) => array.buffer === buffer));
  }

  #inReserve(array: PackedArray): PackedArray | undefined {
    const copy = this.#inRoom(array, this.#reserve?.room(array));
    if (!copy) return undefined;
    this.bytes += byteLength(copy);
    this.arrays.push(copy);
    return copy;
  }

  #inRoom(array: PackedArray, room: Room | (Room & PackedArray) | undefined): PackedArray | undefined {
    if (!room) return undefined;
    this.#reserved.push(room);
    return 'held' in room ? room : placed(array, room);
  }

  release(): void {
    for (const room of this.#reserved.splice(0)) room.giveBack();
  }
}

/** An array's copy, written out: spreading shows in a small job's way. Its shape stands in the params. */
function placed({ dtype, length }: PackedArray, { buffer, byteOffset }: Room): PackedArray {
  return { dtype, buffer, byteOffset, length };
}

function bytesOf(array: PackedArray): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, byteLength(array));
}

function byteLength({ dtype, length }: PackedArray): number {
  return length * DTYPES[dtype]!.size;
}
