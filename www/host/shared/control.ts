// The caller's view of the control blocks in shared memory (src/control.rs writes the other end).
import { CONTROL } from './generated.ts';

/** What a control block says about a job. */
export interface Counts {
  done: number;
  total: number;
}

/** The table of control blocks of one instance. Only `Atomics` touch it. */
export class ControlTable {
  readonly #memory: WebAssembly.Memory;
  readonly #start: number;

  /** @param start address of the table */
  constructor(memory: WebAssembly.Memory, start: number) {
    this.#memory = memory;
    this.#start = start;
  }

  /** Makes a slot ready for a new job. */
  clear(slot: number, streaming: boolean): void {
    for (const field of [CONTROL.done, CONTROL.total]) Atomics.store(this.#wide(), this.#wideIndex(slot, field), 0n);
    for (const field of [CONTROL.cancel, CONTROL.started]) this.#store(slot, field, 0);
    this.#store(slot, CONTROL.streaming, streaming ? 1 : 0);
  }

  /** Asks the kernel in a slot to stop at its next check. */
  cancel(slot: number): void {
    this.#store(slot, CONTROL.cancel, CONTROL.cancelRequested);
  }

  /** Asks the kernel in a slot for its parts, from now on. */
  stream(slot: number): void {
    this.#store(slot, CONTROL.streaming, 1);
  }

  /** How far the kernel in a slot has come. */
  counts(slot: number): Counts {
    const wide = this.#wide();
    return {
      done: Number(Atomics.load(wide, this.#wideIndex(slot, CONTROL.done))),
      total: Number(Atomics.load(wide, this.#wideIndex(slot, CONTROL.total))),
    };
  }

  // A view is made at each use: growth replaces `memory.buffer`, and an old view would not see the new one's end.
  #wide(): BigUint64Array {
    return new BigUint64Array(this.#memory.buffer);
  }

  #wideIndex(slot: number, field: number): number {
    return (this.#start + slot * CONTROL.stride + field) / 8;
  }

  #store(slot: number, field: number, value: number): void {
    Atomics.store(new Int32Array(this.#memory.buffer), (this.#start + slot * CONTROL.stride + field) / 4, value);
  }
}
