// How long jobs took, for those that are the same but for what their arrays hold: whoever divides a job wants to know before it has run. A program
// mostly runs the same jobs again, on the next frame or the next file.
import type { Task } from './engine.ts';

/** Jobs that are remembered. */
const MOST = 64;
/** Params of more bytes are not: few jobs have them, and none twice. */
const MOST_PARAMS = 1024;

export class Durations {
  /** Milliseconds, by job; those that ran last are the last. */
  readonly #known = new Map<string, number>();

  /** How many milliseconds such a job took when it ran last, if that is known. */
  of(task: Task): number | undefined {
    const key = keyOf(task);
    return key === undefined ? undefined : this.#known.get(key);
  }

  /** Such a job took so many milliseconds. Of clocks that stand still while code runs nothing is learnt. */
  learn(task: Task, milliseconds: number): void {
    const key = keyOf(task);
    if (milliseconds === 0 || key === undefined) return;
    this.#known.delete(key);
    this.#known.set(key, milliseconds);
    if (this.#known.size > MOST) this.#known.delete(this.#known.keys().next().value!);
  }
}

/** What is the same of such jobs. */
function keyOf({ kernel, params, inputs }: Task): string | undefined {
  if (params.length > MOST_PARAMS) return undefined;
  return `${kernel} ${String.fromCharCode(...params)} ${inputs.arrays.map(({ dtype, length }) => `${dtype}:${length}`).join()}`;
}
