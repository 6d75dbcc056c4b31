// Room for copies of small arrays in an instance's memory: pieces of slabs, which the arena sets aside whole.
import type { Arena, Place, Room } from './arena.ts';

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
  readonly #free: Piece[][] = [];

  constructor(arena: Arena) {
    this.#arena = arena;
  }

  /** @returns nothing where there is no room left */
  take(bytes: number): Room | undefined {
    const power = Math.max(LEAST_POWER, 32 - Math.clz32(Math.max(1, bytes) - 1));
    const free = (this.#free[power] ??= []);
    return free.pop() ?? this.#cutOff(1 << power, free);
  }

  #cutOff(size: number, free: Piece[]): Piece | undefined {
    if (this.#cut + size > SLAB) {
      const slab = this.#slabs.length < MOST ? this.#arena.take(SLAB, false) : undefined;
      if (!slab) return undefined;
      this.#slabs.push(slab);
      this.#cut = 0;
    }
    const { buffer, byteOffset } = this.#slabs.at(-1)!;
    const piece = new Piece(buffer, byteOffset + this.#cut, free);
    this.#cut += size;
    return piece;
  }
}

/** The same object each time that it is taken: making one for each small job shows. */
class Piece implements Room {
  readonly buffer: SharedArrayBuffer;
  readonly byteOffset: number;
  readonly #free: Piece[];

  constructor(buffer: SharedArrayBuffer, byteOffset: number, free: Piece[]) {
    this.buffer = buffer;
    this.byteOffset = byteOffset;
    this.#free = free;
  }

  giveBack(): void {
    this.#free.push(this);
  }
}
