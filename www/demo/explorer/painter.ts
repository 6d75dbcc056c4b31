// Colours tiles of counts and puts them on their layer, a few milliseconds in each frame and never more: a page that gets all of a picture's
// tiles at once still answers the pointer.
import { colourOf, meanOf } from './palette.ts';
import { contextOf } from './picture.ts';
import type { Size } from './view.ts';

/** Counts of a rectangle of samples. */
export interface Tile {
  x: number;
  y: number;
  width: number;
  height: number;
  counts: Uint32Array;
}

/** What tiles are coloured for. */
export interface Pass {
  /** Pixels of the layer. */
  size: Size;
  /** Samples along a pixel's side: 1, or 2 when each pixel is the mean of four (tiles then have even places and sides). */
  samples: 1 | 2;
  maxIterations: number;
  /** After each frame's work: what of the layer is new. */
  onDrawn: (layer: HTMLCanvasElement, x: number, y: number, width: number, height: number) => void;
}

const FRAME_BUDGET_MS = 4;
/** Samples between two looks at the clock. */
const CHUNK = 1 << 14;

export class Painter {
  readonly #layer = document.createElement('canvas');
  readonly #context = contextOf(this.#layer);
  #image = this.#context.createImageData(1, 1);
  #words = new Uint32Array(this.#image.data.buffer);
  #pass: Pass | undefined;
  #queue: Tile[] = [];
  #frame = 0;
  #drained: (() => void) | undefined;

  /** Begins a pass; tiles of the one before that wait still are dropped. */
  begin(pass: Pass): void {
    const { width, height } = pass.size;
    this.#pass = pass;
    this.#queue = [];
    this.#drained?.();
    if (this.#layer.width !== width || this.#layer.height !== height) {
      Object.assign(this.#layer, { width, height });
      this.#image = this.#context.createImageData(width, height);
      this.#words = new Uint32Array(this.#image.data.buffer);
    } else {
      // What is not drawn yet is transparent, so that whatever lies below it shows.
      this.#words.fill(0);
    }
  }

  add(tile: Tile): void {
    // Tall tiles are cut, so that a frame's work can end between two rows.
    const rows = Math.max(2, Math.floor(CHUNK / tile.width) & ~1);
    for (let y = 0; y < tile.height; y += rows) {
      const height = Math.min(rows, tile.height - y);
      this.#queue.push({ x: tile.x, y: tile.y + y, width: tile.width, height, counts: tile.counts.subarray(y * tile.width, (y + height) * tile.width) });
    }
    this.#frame ||= requestAnimationFrame(() => this.#work());
  }

  /** Resolves when every tile is on its layer, or was dropped by a newer pass. */
  drained(): Promise<void> {
    if (this.#queue.length === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#drained = () => {
        this.#drained = undefined;
        resolve();
      };
    });
  }

  #work(): void {
    this.#frame = 0;
    const pass = this.#pass;
    if (!pass || this.#queue.length === 0) return;
    const until = performance.now() + FRAME_BUDGET_MS;
    let [left, top, right, bottom] = [pass.size.width, pass.size.height, 0, 0];
    let taken = 0;
    let sinceLook = 0;
    for (const tile of this.#queue) {
      if (sinceLook >= CHUNK) {
        if (performance.now() >= until) break;
        sinceLook = 0;
      }
      taken += 1;
      sinceLook += tile.counts.length;
      const { samples } = pass;
      if (samples === 1) this.#colour(tile, pass);
      else this.#colourMeans(tile, pass);
      left = Math.min(left, tile.x / samples);
      top = Math.min(top, tile.y / samples);
      right = Math.max(right, (tile.x + tile.width) / samples);
      bottom = Math.max(bottom, (tile.y + tile.height) / samples);
    }
    this.#queue.splice(0, taken);
    const [width, height] = [right - left, bottom - top];
    this.#context.putImageData(this.#image, 0, 0, left, top, width, height);
    pass.onDrawn(this.#layer, left, top, width, height);
    if (this.#queue.length > 0) this.#frame = requestAnimationFrame(() => this.#work());
    else this.#drained?.();
  }

  #colour({ x, y, width, height, counts }: Tile, { size, maxIterations }: Pass): void {
    const words = this.#words;
    let from = 0;
    for (let row = y; row < y + height; row += 1) {
      let to = row * size.width + x;
      for (const end = to + width; to < end; to += 1) {
        words[to] = colourOf(counts[from]!, maxIterations);
        from += 1;
      }
    }
  }

  #colourMeans({ x, y, width, height, counts }: Tile, { size, maxIterations }: Pass): void {
    const words = this.#words;
    for (let row = 0; row < height; row += 2) {
      let from = row * width;
      let to = ((y + row) / 2) * size.width + x / 2;
      for (const end = to + width / 2; to < end; to += 1) {
        const [a, b, c, d] = [counts[from]!, counts[from + 1]!, counts[from + width]!, counts[from + width + 1]!];
        const first = colourOf(a, maxIterations);
        // Most neighbours far from the edge have one count.
        words[to] = a === b && a === c && a === d ? first : meanOf(first, colourOf(b, maxIterations), colourOf(c, maxIterations), colourOf(d, maxIterations));
        from += 2;
      }
    }
  }
}
