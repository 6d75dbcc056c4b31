// JavaScript's end of a ring in shared memory (src/ring.rs): the same algorithm on the same words.
import { RING } from '../shared/generated.ts';

const MASK = RING.capacity - 1;

export class Ring {
  readonly #words: Int32Array;
  readonly #tail: number;
  readonly #head: number;
  readonly #cells: number;

  /** @param words the memory as 32-bit words; @param start address of the ring */
  constructor(words: Int32Array, start: number) {
    this.#words = words;
    this.#tail = (start + RING.tail) / 4;
    this.#head = (start + RING.head) / 4;
    this.#cells = (start + RING.cells) / 4;
  }

  /** Puts a number in; `false` when the ring is full. */
  push(value: number): boolean {
    const words = this.#words;
    for (;;) {
      const at = Atomics.load(words, this.#tail);
      const cell = this.#cells + (at & MASK) * 2;
      const ahead = (Atomics.load(words, cell) - at) | 0;
      if (ahead < 0) return false;
      if (ahead === 0 && Atomics.compareExchange(words, this.#tail, at, (at + 1) | 0) === at) {
        words[cell + 1] = value;
        Atomics.store(words, cell, (at + 1) | 0);
        return true;
      }
    }
  }

  /** Takes the oldest number out, or -1 when there is none. */
  pop(): number {
    const words = this.#words;
    for (;;) {
      const at = Atomics.load(words, this.#head);
      const cell = this.#cells + (at & MASK) * 2;
      const ahead = (Atomics.load(words, cell) - (at + 1)) | 0;
      if (ahead < 0) return -1;
      if (ahead === 0 && Atomics.compareExchange(words, this.#head, at, (at + 1) | 0) === at) {
        const value = words[cell + 1]!;
        Atomics.store(words, cell, (at + RING.capacity) | 0);
        return value;
      }
    }
  }

  get empty(): boolean {
    const at = Atomics.load(this.#words, this.#head);
    return ((Atomics.load(this.#words, this.#cells + (at & MASK) * 2) - (at + 1)) | 0) < 0;
  }
}
