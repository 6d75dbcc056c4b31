// Copies a job's arrays off the caller's hands without holding its thread: small ones at once, large ones slice by slice.
import type { PackedArray } from '../shared/protocol.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { DTYPES } from '../shared/generated.ts';

/** Up to so many bytes in all are copied at once. */
const AT_ONCE = 1 << 20;
/** Bytes between two looks at the event loop: well under a millisecond's copy, page faults included. */
const SLICE = 1 << 20;

/** Arrays ready to be posted, and the buffers that move with them. */
export interface Staged {
  arrays: PackedArray[];
  transfer: ArrayBuffer[];
}

/**
 * Makes each array one that can be posted: shared ones stay, those whose buffer is in `transfer` are moved, the others copied.
 *
 * @returns at once for small inputs; else a promise, until which the caller must not change them
 */
export function stage(arrays: readonly PackedArray[], transfer: readonly ArrayBuffer[], runtime: Runtime): Staged | Promise<Staged> {
  const moved = new Set<ArrayBufferLike>(transfer);
  const toCopy = arrays.filter(({ buffer }) => !moved.has(buffer) && buffer instanceof ArrayBuffer);
  const bytes = toCopy.reduce((sum, array) => sum + byteLength(array), 0);
  if (bytes > AT_ONCE) return copySlowly(arrays, moved, runtime);
  const staged = new Staging(moved);
  for (const array of arrays) {
    if (staged.keeps(array)) continue;
    const copy = staged.copyOf(array);
    copy.set(bytesOf(array));
  }
  return staged;
}

async function copySlowly(arrays: readonly PackedArray[], moved: Set<ArrayBufferLike>, runtime: Runtime): Promise<Staged> {
  const staged = new Staging(moved);
  for (const array of arrays) {
    if (staged.keeps(array)) continue;
    const from = bytesOf(array);
    const to = staged.copyOf(array);
    for (let at = 0; at < from.length; at += SLICE) {
      to.set(from.subarray(at, at + SLICE), at);
      await runtime.yield();
    }
  }
  return staged;
}

class Staging implements Staged {
  readonly arrays: PackedArray[] = [];
  readonly transfer: ArrayBuffer[];
  readonly #moved: Set<ArrayBufferLike>;

  constructor(moved: Set<ArrayBufferLike>) {
    this.#moved = moved;
    this.transfer = [...moved] as ArrayBuffer[];
  }

  keeps(array: PackedArray): boolean {
    if (array.buffer instanceof ArrayBuffer && !this.#moved.has(array.buffer)) return false;
    this.arrays.push(array);
    return true;
  }

  copyOf(array: PackedArray): Uint8Array {
    const buffer = new ArrayBuffer(byteLength(array));
    this.arrays.push({ ...array, buffer, byteOffset: 0 });
    this.transfer.push(buffer);
    return new Uint8Array(buffer);
  }
}

function bytesOf(array: PackedArray): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, byteLength(array));
}

function byteLength({ dtype, length }: PackedArray): number {
  return length * DTYPES[dtype]!.size;
}
