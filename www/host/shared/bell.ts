// JavaScript's end of a bell in shared memory (src/bell.rs): how one side sleeps until the other has something for it.
import { BELL } from './generated.ts';

/** Looking again where nothing can be waited for. */
const POLL_MS = 1;

export class Bell {
  readonly #words: Int32Array<SharedArrayBuffer>;
  readonly #rung: number;
  readonly #asleep: number;

  /** @param words the memory as 32-bit words; @param start address of the bell */
  constructor(words: Int32Array<SharedArrayBuffer>, start: number) {
    this.#words = words;
    this.#rung = (start + BELL.rung) / 4;
    this.#asleep = (start + BELL.asleep) / 4;
  }

  /** Wakes the sleeper, if there is one. Call it after publishing what the sleeper is to find. */
  ring(): void {
    if (Atomics.load(this.#words, this.#asleep) !== 0 && Atomics.exchange(this.#words, this.#asleep, 0) !== 0) {
      Atomics.add(this.#words, this.#rung, 1);
      Atomics.notify(this.#words, this.#rung);
    }
  }

  /** Resolves when the bell is rung or the time is up, or at once unless `nothing` sees that there is nothing. */
  async sleep(timeout: number, nothing: () => boolean): Promise<void> {
    // Before it says that it sleeps: see src/bell.rs.
    const seen = Atomics.load(this.#words, this.#rung);
    Atomics.store(this.#words, this.#asleep, 1);
    if (nothing()) {
      if (typeof Atomics.waitAsync === 'function') await this.#wait(seen, timeout);
      else await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
    Atomics.store(this.#words, this.#asleep, 0);
  }

  /** A worker of WebKit's can sleep through the end of a wait, its timeout too: a timer wakes it. */
  async #wait(seen: number, timeout: number): Promise<void> {
    let alarm: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<void>((resolve) => {
      alarm = setTimeout(resolve, timeout);
    });
    await Promise.race([Atomics.waitAsync(this.#words, this.#rung, seen, timeout).value, late]);
    clearTimeout(alarm);
  }
}
