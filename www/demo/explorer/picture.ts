// The canvas: what was drawn last stays, scaled and moved to the view of the moment, until something better is drawn over it.
import { mapping, type Size, type View } from './view.ts';

/** Above this magnification a coarse picture of the new view is better than the old one. */
const TOO_BLURRED = 3;

export class Picture {
  readonly canvas: HTMLCanvasElement;
  readonly #context: CanvasRenderingContext2D;
  readonly #scratch = document.createElement('canvas');
  readonly #scratchContext: CanvasRenderingContext2D;
  #view: View | undefined;
  /** How much what is seen was magnified since it was drawn; above 1 it is blurred. */
  #blur = Number.POSITIVE_INFINITY;
  /** Whether some of the canvas shows nothing. */
  #bare = true;

  constructor(canvas: HTMLCanvasElement) {
    this.canvas = canvas;
    this.#context = contextOf(canvas);
    this.#scratchContext = contextOf(this.#scratch);
  }

  get size(): Size {
    return { width: this.canvas.width, height: this.canvas.height };
  }

  /** Whether a coarse pass would show something that is not there yet. */
  get wantsPreview(): boolean {
    return this.#bare || this.#blur > TOO_BLURRED;
  }

  /** Takes another size; what was seen stays around the middle. */
  resize({ width, height }: Size): void {
    this.#keep();
    const { width: oldWidth, height: oldHeight } = this.size;
    Object.assign(this.canvas, { width, height });
    this.#context.drawImage(this.#scratch, Math.round((width - oldWidth) / 2), Math.round((height - oldHeight) / 2));
    if (this.#view) this.#view = { ...this.#view, span: (this.#view.span * width) / oldWidth };
    this.#bare = true;
  }

  /** Shows another view, as far as it was drawn. */
  moveTo(view: View): void {
    const old = this.#view;
    this.#view = view;
    if (!old || (old.re === view.re && old.im === view.im && old.span === view.span)) return;
    const { width, height } = this.size;
    const { scale, right, down } = mapping(old, view, this.size);
    this.#keep();
    this.#context.clearRect(0, 0, width, height);
    this.#context.drawImage(this.#scratch, right, down, width * scale, height * scale);
    this.#blur *= scale;
    if (right > 0 || down > 0 || right + width * scale < width || down + height * scale < height) this.#bare = true;
  }

  /** Draws a coarse picture of a view: where there is nothing yet, or over all when what is there is too blurred. */
  drawPreview(layer: CanvasImageSource & Size, pixels: number, view: View): void {
    if (!this.#view) return;
    const over = this.#blur > TOO_BLURRED;
    const { scale, right, down } = mapping(view, this.#view, this.size);
    const context = this.#context;
    context.globalCompositeOperation = over ? 'source-over' : 'destination-over';
    context.drawImage(layer, right, down, layer.width * pixels * scale, layer.height * pixels * scale);
    context.globalCompositeOperation = 'source-over';
    this.#bare = false;
    if (over) this.#blur = TOO_BLURRED;
  }

  /** Draws a part of a layer that has the picture's own size. */
  drawSharp(layer: CanvasImageSource, x: number, y: number, width: number, height: number): void {
    this.#context.drawImage(layer, x, y, width, height, x, y, width, height);
  }

  /** The view is drawn in full. */
  complete(): void {
    this.#bare = false;
    this.#blur = 1;
  }

  #keep(): void {
    const { width, height } = this.size;
    if (this.#scratch.width !== width || this.#scratch.height !== height) Object.assign(this.#scratch, { width, height });
    this.#scratchContext.clearRect(0, 0, width, height);
    this.#scratchContext.drawImage(this.canvas, 0, 0);
  }
}

export function contextOf(canvas: HTMLCanvasElement): CanvasRenderingContext2D {
  const context = canvas.getContext('2d');
  if (!context) throw new Error('this browser gives no 2D canvas');
  return context;
}
