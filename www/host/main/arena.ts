// Memory of an instance that the caller's thread sets aside for arrays: what lies there goes to kernels without being copied again.
//
// It comes from `memory.grow`, as the pages of wasm's own allocator do, so the two never meet. Pages that are given back are kept for the next
// array: a wasm memory does not shrink.
import type { PackedArray } from '../shared/protocol.ts';
import { DTYPES } from '../shared/generated.ts';
import { Slabs } from './slabs.ts';

/** Bytes of a page of any wasm memory. */
export const PAGE = 65_536;

/** Smaller arrays are not worth a page. */
export const LEAST = PAGE;

/** Pages in a row, from `start` on. */
interface Region {
  start: number;
  pages: number;
}

/** Where an array may lie. The buffer is the whole memory; it is this place's own, and the place is taken for as long as the buffer is held. */
export interface Place {
  buffer: SharedArrayBuffer;
  byteOffset: number;
}

/** A place for an array that is to be given back. */
export interface Room {
  readonly buffer: ArrayBufferLike;
  readonly byteOffset: number;
  giveBack(): void;
}

/** Every place that is taken, by its buffer. */
const taken = new WeakMap<ArrayBufferLike, { arena: Arena; region: Region }>();

/** A buffer of its own over the same memory, where that can be had: WebKit clones shared memory by copying it. */
function clone(buffer: ArrayBufferLike): SharedArrayBuffer | undefined {
  try {
    const own: unknown = structuredClone(buffer);
    return Object.prototype.toString.call(own) === '[object SharedArrayBuffer]' ? (own as SharedArrayBuffer) : undefined;
  } catch {
    return undefined;
  }
}

function lies({ start, pages }: Region, { dtype, byteOffset, length }: PackedArray): boolean {
  return byteOffset >= start * PAGE && byteOffset + length * DTYPES[dtype]!.size <= (start + pages) * PAGE;
}

/** Whether an array reaches out of the place that its buffer was given for: into memory that is not its caller's. */
export function strays(array: PackedArray): boolean {
  const place = taken.get(array.buffer);
  return place !== undefined && !lies(place.region, array);
}

export class Arena {
  readonly #memory: WebAssembly.Memory;
  /** Pages that may still be had. */
  #left: number;
  /** In the order of their places; two never touch. */
  readonly #free: Region[] = [];
  readonly #slabs = new Slabs(this);
  readonly #forgotten = new FinalizationRegistry<Region>((region) => this.#keep(region));

  /** @param most bytes that it may take of the memory in all */
  constructor(memory: WebAssembly.Memory, most: number) {
    this.#memory = memory;
    this.#left = clone(new SharedArrayBuffer(1)) ? Math.floor(most / PAGE) : 0;
  }

  /**
   * Sets memory aside until it is given back, or its buffer is forgotten.
   *
   * @param zeroed whether it must not hold what was there before
   * @returns nothing where there is no room left
   */
  take(bytes: number, zeroed: boolean): Place | undefined {
    const pages = Math.ceil(bytes / PAGE);
    const region = this.#reuse(pages, zeroed) ?? this.#grow(pages);
    if (!region) return undefined;
    // Whoever holds a view of it holds it.
    const buffer = clone(this.#memory.buffer)!;
    taken.set(buffer, { arena: this, region });
    this.#forgotten.register(buffer, region, buffer);
    return { buffer, byteOffset: region.start * PAGE };
  }

  /** Sets memory aside for a copy of a job's array, of any size. */
  room({ dtype, length }: PackedArray): Room | undefined {
    const bytes = length * DTYPES[dtype]!.size;
    if (bytes < LEAST) return this.#slabs.take(bytes);
    const place = this.take(bytes, false);
    return place && { ...place, giveBack: () => this.giveBack(place.buffer) };
  }

  /** Whether an array lies in memory that was set aside for it. */
  holds(array: PackedArray): boolean {
    const place = taken.get(array.buffer);
    return place?.arena === this && lies(place.region, array);
  }

  /** Takes back what was set aside: nobody reads or writes there any more. */
  giveBack(buffer: SharedArrayBuffer): void {
    const place = taken.get(buffer);
    if (place?.arena !== this) return;
    taken.delete(buffer);
    this.#forgotten.unregister(buffer);
    this.#keep(place.region);
  }

  #reuse(pages: number, zeroed: boolean): Region | undefined {
    // The one that it fits best: large ones are kept for what is large.
    let at = -1;
    for (const [index, free] of this.#free.entries()) if (free.pages >= pages && (at < 0 || free.pages < this.#free[at]!.pages)) at = index;
    if (at < 0) return undefined;
    const free = this.#free[at]!;
    const region = { start: free.start, pages };
    free.start += pages;
    free.pages -= pages;
    if (free.pages === 0) this.#free.splice(at, 1);
    if (zeroed) new Uint8Array(this.#memory.buffer, region.start * PAGE, pages * PAGE).fill(0);
    return region;
  }

  #grow(pages: number): Region | undefined {
    if (pages > this.#left) return undefined;
    try {
      const start = this.#memory.grow(pages);
      this.#left -= pages;
      return { start, pages };
    } catch {
      // The memory is at its maximum, or the machine at its end.
      return undefined;
    }
  }

  #keep({ start, pages }: Region): void {
    let at = this.#free.findIndex((free) => free.start > start);
    if (at < 0) at = this.#free.length;
    const before = this.#free[at - 1];
    const after = this.#free[at];
    const region = { start, pages };
    if (after && start + pages === after.start) {
      region.pages += after.pages;
      this.#free.splice(at, 1);
    }
    if (before && before.start + before.pages === start) before.pages += region.pages;
    else this.#free.splice(at, 0, region);
  }
}
