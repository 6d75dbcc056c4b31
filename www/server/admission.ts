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

/** Whose turn it is: so many at once, the others in the order in which they came. */
export class Turns {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(most: number) {
    this.#free = most;
  }

  /**
   * @returns what ends the turn, to be called once
   * @throws the signal's reason
   */
  async take(signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted();
    if (this.#free > 0) this.#free -= 1;
    else await this.#wait(signal);
    return () => {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#free += 1;
    };
  }

  #wait(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const go = () => {
        signal.removeEventListener('abort', leave);
        resolve();
      };
      const leave = () => {
        this.#waiting.splice(this.#waiting.indexOf(go), 1);
        reject(signal.reason as Error);
      };
      signal.addEventListener('abort', leave, { once: true });
      this.#waiting.push(go);
    });
  }
}
