// The progress bar: one line on the terminal's stderr, drawn over while a job runs and taken away at its end.
import type { Progress } from '../host/entry/node.ts';
import { counted, duration, hasUnicode, paletteFor } from './terminal.ts';

/** A job that is done sooner shows no bar. */
const APPEARS_AFTER_MS = 200;
const REDRAW_MS = 100;
const MOST_BAR = 28;
const LEAST_BAR = 8;
/** An estimate out of less than this is a guess. */
const ESTIMATES_AFTER = 0.02;

export class ProgressBar {
  readonly #stream: NodeJS.WriteStream;
  readonly #kernel: string;
  readonly #begun = performance.now();
  readonly #timer: NodeJS.Timeout;
  #threads = 0;
  #progress: Progress = { done: 0, total: 0, fraction: 0 };
  #jobBegun: number | undefined;
  #drawn = false;

  constructor(stream: NodeJS.WriteStream, kernel: string) {
    this.#stream = stream;
    this.#kernel = kernel;
    this.#timer = setInterval(() => this.#draw(), REDRAW_MS);
  }

  /** The host runs: its jobs take so many threads. */
  started(threads: number): void {
    this.#threads = threads;
    this.#jobBegun = performance.now();
  }

  update(progress: Progress): void {
    this.#progress = progress;
  }

  /** Takes the line away. */
  end(): void {
    clearInterval(this.#timer);
    if (this.#drawn) this.#stream.write('\r\x1b[K');
  }

  #draw(): void {
    if (performance.now() - this.#begun < APPEARS_AFTER_MS) return;
    this.#drawn = true;
    const colours = paletteFor(this.#stream);
    const line = progressLine({
      kernel: this.#kernel,
      progress: this.#progress,
      elapsed: performance.now() - (this.#jobBegun ?? this.#begun),
      threads: this.#threads,
      columns: this.#stream.columns || 80,
      unicode: hasUnicode(),
    });
    this.#stream.write(`\r${colours.cyan(line)}\x1b[K`);
  }
}

/** What one drawing shows. */
interface Drawing {
  kernel: string;
  progress: Progress;
  /** Milliseconds. */
  elapsed: number;
  /** 0 while the host still starts. */
  threads: number;
  columns: number;
  unicode: boolean;
}

function progressLine({ kernel, progress, elapsed, threads, columns, unicode }: Drawing): string {
  const { total, fraction } = progress;
  const [full, empty] = unicode ? (['━', '╌'] as const) : (['#', '-'] as const);
  const tail = threads === 0 ? 'starting' : `${duration(elapsed)}${remaining(fraction, elapsed)}  ${counted(threads, 'thread')}`;
  const percent = total > 0 ? `${String(Math.floor(fraction * 100)).padStart(3)}%` : '   ';
  // A line that wrapped could not be drawn over.
  const width = Math.min(MOST_BAR, columns - `${kernel}  ${percent}  ${tail}`.length - 1);
  if (width < LEAST_BAR) return `${kernel} ${percent}  ${tail}`.slice(0, columns - 1);
  const filled = Math.round(fraction * width);
  return `${kernel} ${full.repeat(filled)}${empty.repeat(width - filled)} ${percent}  ${tail}`;
}

function remaining(fraction: number, elapsed: number): string {
  if (fraction < ESTIMATES_AFTER || fraction >= 1) return '';
  return `, ${duration((elapsed * (1 - fraction)) / fraction)} left`;
}
