// Draws tiles as they come, a few milliseconds' worth a frame, so that drawing never holds the page up.
import { contextOf } from './dom.ts';

/** A finished piece of the picture. Row 0 has the smallest imaginary part, so rows are drawn from the bottom up. */
export interface Tile {
  x: number;
  y: number;
  width: number;
  height: number;
  counts: Uint32Array;
}

const BUDGET_MS = 4;

export class TilePainter {
  readonly #context: CanvasRenderingContext2D;
  readonly #images = new Map<string, ImageData>();
  #palette = new Uint32Array(1);
  #queue: Tile[] = [];
  #frame: number | undefined;
  #idle: (() => void) | undefined;

  constructor(canvas: HTMLCanvasElement) {
    this.#context = contextOf(canvas);
  }

  /** A new picture: what waits of the old one is dropped. */
  begin(palette: Uint32Array<ArrayBuffer>): void {
    this.#queue = [];
    this.#palette = palette;
  }

  add(tile: Tile): void {
    this.#queue.push(tile);
    this.#frame ??= requestAnimationFrame(this.#paint);
  }

  /** Resolves when every tile is drawn. */
  async drained(): Promise<void> {
    if (this.#frame === undefined) return;
    await new Promise<void>((resolve) => {
      this.#idle = resolve;
    });
  }

  #paint = (): void => {
    const until = performance.now() + BUDGET_MS;
    while (this.#queue.length > 0 && performance.now() < until) this.#draw(this.#queue.shift()!);
    if (this.#queue.length > 0) {
      this.#frame = requestAnimationFrame(this.#paint);
      return;
    }
    this.#frame = undefined;
    this.#idle?.();
    this.#idle = undefined;
  };

  #draw({ x, y, width, height, counts }: Tile): void {
    const image = this.#imageOf(width, height);
    const pixels = new Uint32Array(image.data.buffer);
    const palette = this.#palette;
    for (let row = 0; row < height; row += 1) {
      const to = (height - 1 - row) * width;
      for (let column = 0; column < width; column += 1) pixels[to + column] = palette[counts[row * width + column]!]!;
    }
    this.#context.putImageData(image, x, this.#context.canvas.height - y - height);
  }

  /** One image for each size of tile, used again and again: a fresh one costs more than the drawing. */
  #imageOf(width: number, height: number): ImageData {
    const key = `${width}×${height}`;
    let image = this.#images.get(key);
    if (!image) {
      image = new ImageData(width, height);
      this.#images.set(key, image);
    }
    return image;
  }
}
