// How many requests may have jobs in a process: so many run, so many wait, and one more is refused before its work begins. One that is let in has its
// place to the end: a picture that was decoded is not turned away at the next step.
import { LoomworkError } from '../host/entry/node.ts';

export class Admission {
  readonly #most: number;
  #inside = 0;

  /**
   * @param running jobs that the host runs at once
   * @param waiting jobs that may wait besides
   */
  constructor(running: number, waiting: number) {
    this.#most = running + waiting;
  }

  /** @throws LoomworkError QUEUE_FULL */
  check(): void {
    if (this.#inside >= this.#most) throw new LoomworkError({ code: 'QUEUE_FULL', message: `${this.#inside} requests have jobs here already: try again` });
  }

  /**
   * @returns what gives the place back
   * @throws LoomworkError QUEUE_FULL
   */
  enter(): () => void {
    this.check();
    this.#inside += 1;
    let left = false;
    return () => {
      if (!left) this.#inside -= 1;
      left = true;
    };
  }
}
