// Memory of the caller's thread's own instance for copies of the arrays of jobs that wait for it: what lies there is not copied again when its job
// begins.
import type { PackedArray } from '../shared/protocol.ts';
import { DTYPES } from '../shared/generated.ts';
import type { SlicedInstance } from '../worker/sliced.ts';
import type { Room } from './arena.ts';
import type { Reserve } from './stage.ts';

/** Bytes that are held for several jobs at most: more of them wait outside. A single one may need more. */
const MOST = 256 * 2 ** 20;

/** All hosts of a thread share its instance. */
let last = 0;

export class Held implements Reserve {
  readonly #instance: SlicedInstance;
  #bytes = 0;

  constructor(instance: SlicedInstance) {
    this.#instance = instance;
  }

  /** There is none to set aside: it would move whenever the memory grows. */
  take(): undefined {
    return undefined;
  }

  room({ dtype, length }: PackedArray): HeldArray | undefined {
    const bytes = length * DTYPES[dtype]!.size;
    if (this.#bytes > 0 && this.#bytes + bytes > MOST) return undefined;
    const number = (last = (last + 1) >>> 0);
    const start = this.#instance.hold(number, dtype, length);
    if (start === 0) return undefined;
    this.#bytes += bytes;
    return new HeldArray(this.#instance, number, dtype, start, length, () => {
      this.#bytes -= bytes;
    });
  }
}

/** An array that is held. */
class HeldArray implements Room, PackedArray {
  readonly held: number;
  readonly dtype: number;
  readonly byteOffset: number;
  readonly length: number;
  readonly #instance: SlicedInstance;
  readonly #onGivenBack: () => void;

  constructor(instance: SlicedInstance, held: number, dtype: number, start: number, length: number, onGivenBack: () => void) {
    this.#instance = instance;
    this.held = held;
    this.dtype = dtype;
    this.byteOffset = start;
    this.length = length;
    this.#onGivenBack = onGivenBack;
  }

  get buffer(): ArrayBuffer {
    return this.#instance.buffer;
  }

  giveBack(): void {
    this.#instance.letGo(this.held);
    this.#onGivenBack();
  }
}
