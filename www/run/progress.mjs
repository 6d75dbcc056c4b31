// One line on a terminal that says what is being done; nothing where standard error is not a terminal.

const WIDTH = 30;
/** Redrawing more often than the eye sees would take time from the work. */
const INTERVAL_MS = 50;

export class ProgressBar {
  #stream;
  #label;
  #drawn = -Infinity;

  constructor(stream) {
    this.#stream = stream;
  }

  /** @param {string} label @param {number} fraction 0 to 1 */
  show(label, fraction) {
    if (!this.#stream.isTTY) return;
    const now = performance.now();
    if (label === this.#label && now - this.#drawn < INTERVAL_MS) return;
    this.#label = label;
    this.#drawn = now;
    const full = Math.round(fraction * WIDTH);
    const text = `${'█'.repeat(full)}${'░'.repeat(WIDTH - full)} ${String(Math.round(fraction * 100)).padStart(3)}% ${label}`;
    // A line that wrapped could not be taken back.
    this.#stream.write(`\r\x1b[K${text.slice(0, (this.#stream.columns || 80) - 1)}`);
  }

  clear() {
    if (this.#label !== undefined) this.#stream.write('\r\x1b[K');
    this.#label = undefined;
  }
}
