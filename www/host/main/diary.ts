// JavaScript's end of the diary in shared memory (src/busy.rs): which thread was busy with which job, and when.
import { DIARY, SPAN } from '../shared/generated.ts';

/** A thread of a lane worked for a job, from then to then, in milliseconds since 1970. */
export interface Span {
  job: number;
  lane: number;
  thread: number;
  from: number;
  to: number;
}

export class Diary {
  readonly #words: Int32Array;
  readonly #doubles: Float64Array;
  readonly #start: number;
  #read = 0;

  /** @param words the memory as 32-bit words, @param doubles as 64-bit floats; @param start address of the diary */
  constructor(words: Int32Array, doubles: Float64Array, start: number) {
    this.#words = words;
    this.#doubles = doubles;
    this.#start = start;
  }

  /** Tells of what was written since the last call, but for what was written over meanwhile. */
  read(each: (span: Span) => void): void {
    const written = Atomics.load(this.#words, (this.#start + DIARY.written) >> 2);
    const fresh = Math.min((written - this.#read) >>> 0, DIARY.capacity);
    for (let number = written - fresh; number !== written; number += 1) {
      const at = this.#start + DIARY.spans + ((number >>> 0) % DIARY.capacity) * DIARY.stride;
      const word = (offset: number) => this.#words[(at + offset) >> 2]! >>> 0;
      const double = (offset: number) => this.#doubles[(at + offset) >> 3]!;
      each({ job: word(SPAN.job), lane: word(SPAN.lane), thread: word(SPAN.thread), from: double(SPAN.from), to: double(SPAN.to) });
    }
    this.#read = written;
  }
}
