// Room for copies of small arrays in an instance's memory: pieces of slabs, which the arena sets aside whole.
import type { Arena, Place } from './arena.ts';

/** Bytes of a slab. */
const SLAB = 1 << 20;
/** Copies of so many slabs at once wait in the instance's memory; more of them wait outside. */
const MOST = 4;
/** The smallest piece, as a power of two: pieces are powers of two. */
const LEAST_POWER = 8;

export class Slabs {
  readonly #arena: Arena;
  readonly #slabs: Place[] = [];
  /** Bytes of the last slab that are pieces already. */
  #cut = SLAB;
  /** By power of two. */
  readonly #free: Place[][] = [];

  constructor(arena: Arena) {
    this.#arena = arena;
  }

  /** @returns nothing where there is no room left */
  take(bytes: number): Place | undefined {
    const power = powerOf(bytes);
    return this.#free[power]?.pop() ?? this.#cutOff(1 << power);
  }

  giveBack(piece: Place, bytes: number): void {
    (this.#free[powerOf(bytes)] ??= []).push(piece);
  }

  #cutOff(size: number): Place | undefined {
    if (this.#cut + size > SLAB) {
      const slab = this.#slabs.length < MOST ? this.#arena.take(SLAB, false) : undefined;
      if (!slab) return undefined;
      this.#slabs.push(slab);
      this.#cut = 0;
    }
    const { buffer, byteOffset } = this.#slabs.at(-1)!;
    const piece = { buffer, byteOffset: byteOffset + this.#cut };
    this.#cut += size;
    return piece;
  }
}

function powerOf(bytes: number): number {
  return Math.max(LEAST_POWER, 32 - Math.clz32(Math.max(1, bytes) - 1));
}
