// The control blocks (src/control.rs) as JavaScript sees them.
import { CONTROL, OUTCOMES, TURNS } from './generated.ts';
import { placesAfter, readPlaces, writePlace, type Place } from './place.ts';

/** MessagePack's empty map. */
const EMPTY_MAP = 0x80;

/** What a control block says about a job. */
export interface Counts {
  done: number;
  total: number;
}

/** The table of control blocks of one instance. */
export class ControlTable {
  readonly #memory: WebAssembly.Memory;
  readonly #start: number;
  #words: Int32Array;
  #bytes: Uint8Array;
  #doubles: Float64Array;

  /** @param start address of the table */
  constructor(memory: WebAssembly.Memory, start: number) {
    this.#memory = memory;
    this.#start = start;
    this.#words = new Int32Array(memory.buffer);
    this.#bytes = new Uint8Array(memory.buffer);
    this.#doubles = new Float64Array(memory.buffer);
  }

  /** Makes a slot ready for a job whose params come another way. */
  clear(slot: number, { id, streaming, lend }: { id: number; streaming: boolean; lend: boolean }): void {
    this.#refresh();
    const words = this.#words;
    const at = (this.#start + slot * CONTROL.stride) >> 2;
    // Plain stores: nobody looks before the turn is published.
    words[at + CONTROL.done / 4] = 0;
    words[at + CONTROL.done / 4 + 1] = 0;
    words[at + CONTROL.total / 4] = 0;
    words[at + CONTROL.total / 4 + 1] = 0;
    this.#doubles[(at >> 1) + CONTROL.started / 8] = 0;
    this.#doubles[(at >> 1) + CONTROL.ended / 8] = 0;
    words[at + CONTROL.cancel / 4] = 0;
    words[at + CONTROL.streaming / 4] = streaming ? 1 : 0;
    words[at + CONTROL.lend / 4] = lend ? 1 : 0;
    words[at + CONTROL.id / 4] = id;
    words[at + CONTROL.kernel / 4] = CONTROL.prepared | 0;
    Atomics.store(words, at + CONTROL.turn / 4, TURNS.free);
  }

  /** Writes a job's kernel, params and the places of its arrays into a cleared slot and offers it to the lanes. */
  publish(slot: number, kernel: number, params: Uint8Array, arrays: readonly Place[]): void {
    const start = this.#start + slot * CONTROL.stride;
    const words = this.#words;
    words[(start + CONTROL.kernel) >> 2] = kernel;
    words[(start + CONTROL.length) >> 2] = params.length;
    words[(start + CONTROL.arrays) >> 2] = arrays.length;
    // One byte at a time: for so few, faster than `set`.
    for (let i = 0; i < params.length; i += 1) this.#bytes[start + CONTROL.payload + i] = params[i]!;
    let at = (start + CONTROL.payload + placesAfter(params.length)) >> 2;
    for (const array of arrays) at = writePlace(words, at, array);
    Atomics.store(words, (start + CONTROL.turn) >> 2, TURNS.ready);
  }

  /** Gives a slot back: all of its answer has been read, arrays too. */
  free(slot: number): void {
    Atomics.store(this.#words, this.#index(slot, CONTROL.turn), TURNS.free);
  }

  /** Asks the kernel in a slot to stop at its next check. */
  cancel(slot: number): void {
    this.#refresh();
    Atomics.store(this.#words, this.#index(slot, CONTROL.cancel), CONTROL.cancelRequested);
  }

  /** Whether that has been asked. */
  isCancelled(slot: number): boolean {
    this.#refresh();
    return Atomics.load(this.#words, this.#index(slot, CONTROL.cancel)) === CONTROL.cancelRequested;
  }

  /** Asks the kernel in a slot for its parts, from now on. */
  stream(slot: number): void {
    Atomics.store(this.#words, this.#index(slot, CONTROL.streaming), 1);
  }

  /** Whether the slot's job is the one of this id. */
  isOf(slot: number, id: number): boolean {
    return this.#words[this.#index(slot, CONTROL.id)] === (id | 0);
  }

  /** Whose turn it is: one of TURNS. */
  turn(slot: number): number {
    return Atomics.load(this.#words, this.#index(slot, CONTROL.turn));
  }

  /** How the job in a slot ended. */
  outcome(slot: number): (typeof OUTCOMES)[number] {
    return OUTCOMES[this.#words[this.#index(slot, CONTROL.outcome)]!]!;
  }

  /** A copy of what the job in a slot answered. */
  answer(slot: number): Uint8Array {
    const start = this.#start + slot * CONTROL.stride;
    return this.#bytes.slice(start + CONTROL.payload, start + CONTROL.payload + this.#words[(start + CONTROL.length) >> 2]!);
  }

  /** Where the arrays of the answer lie, until the slot is freed. */
  answeredArrays(slot: number): Place[] {
    const start = this.#start + slot * CONTROL.stride;
    const count = this.#words[(start + CONTROL.arrays) >> 2]!;
    if (count === 0) return [];
    return readPlaces(this.#words, (start + CONTROL.payload + placesAfter(this.#words[(start + CONTROL.length) >> 2]!)) >> 2, count);
  }

  /** Whether the answer is the empty object: what most small jobs of no output give. */
  answeredNothing(slot: number): boolean {
    const start = this.#start + slot * CONTROL.stride;
    return this.#words[(start + CONTROL.length) >> 2] === 1 && this.#bytes[start + CONTROL.payload] === EMPTY_MAP;
  }

  /** The lane that ran the job in a slot. */
  lane(slot: number): number {
    return this.#words[this.#index(slot, CONTROL.lane)]!;
  }

  /** When the kernel in a slot began, in milliseconds since 1970; 0 when it has not. */
  started(slot: number): number {
    return this.#doubles[(this.#start + slot * CONTROL.stride + CONTROL.started) >> 3]!;
  }

  /** When it ended. */
  ended(slot: number): number {
    return this.#doubles[(this.#start + slot * CONTROL.stride + CONTROL.ended) >> 3]!;
  }

  /** How far the kernel in a slot has come. */
  counts(slot: number): Counts {
    this.#refresh();
    return { done: this.#wide(slot, CONTROL.done), total: this.#wide(slot, CONTROL.total) };
  }

  #index(slot: number, field: number): number {
    return (this.#start + slot * CONTROL.stride + field) >> 2;
  }

  /** A 64-bit count, read until its halves are of one moment. */
  #wide(slot: number, field: number): number {
    const low = this.#index(slot, field);
    for (;;) {
      const high = Atomics.load(this.#words, low + 1);
      const value = (high >>> 0) * 2 ** 32 + (Atomics.load(this.#words, low) >>> 0);
      if (Atomics.load(this.#words, low + 1) === high) return value;
    }
  }

  /** Growth detaches the views of memory that is not shared; those of shared memory go on seeing it. */
  #refresh(): void {
    if (this.#words.length > 0) return;
    this.#words = new Int32Array(this.#memory.buffer);
    this.#bytes = new Uint8Array(this.#memory.buffer);
    this.#doubles = new Float64Array(this.#memory.buffer);
  }
}
