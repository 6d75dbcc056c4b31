// The explorer: a view, what the visitor does to it, and the passes that draw it. The newest view always wins: what is still being
// drawn of an older one is cancelled, and what was drawn of it stays until it is drawn over.
//
// A view is drawn in up to three passes, each a job of its own: a coarse one at once where nothing is there yet, the picture itself, and a fine
// one with four samples a pixel.
import { CancelledByVisitor, type Desk, type Jobs } from '../shell/jobs.ts';
import { clearNotices, tellError } from '../shell/notices.ts';
import { Card } from './card.ts';
import { listen } from './gestures.ts';
import { Painter } from './painter.ts';
import { Picture } from './picture.ts';
import { abs, fromNumber, toText } from './decimal.ts';
import { bounded, coordinate, fromHash, homeView, moved, toHash, zoomed, type Size, type View } from './view.ts';

/** Pixels of the picture along the side of a pixel of the coarse pass. */
const COARSE = 4;
/** How long a coarse pass of an older view may go on: what it shows is still of use, but it must not hold up the new view. */
const COARSE_GRACE_MS = 80;
/** How long a view must rest before a pass begins that cannot be stopped at once. */
const REST_MS = 160;
/** Larger canvases are drawn with fewer pixels and scaled up. */
const MOST_PIXELS = 3840 * 2400;
/** The address is written so long after the last move. */
const HASH_REST_MS = 300;
/** Rows of samples that the fine pass hands to the painter at once. */
const FINE_ROWS = 16;

/** States of the canvas, in `data-state`. */
type State = 'waiting' | 'drawing' | 'done' | 'cancelled' | 'failed';

export class Explorer {
  readonly #jobs: Jobs;
  readonly #canvas: HTMLCanvasElement;
  readonly #picture: Picture;
  readonly #painter = new Painter();
  /** Its own, as a layer that changed its size between passes would be allocated anew each time. */
  readonly #coarsePainter = new Painter();
  readonly #card: Card;
  /** Undefined until the canvas has a size. */
  #view: View | undefined;
  /** Whether the visitor looks at the whole set: then it stays whole when the window changes. */
  #home = true;
  /** Aborts when the view is no longer wanted. */
  #newer = new AbortController();
  /** Aborts when even a coarse pass of it is no longer wanted. */
  #stale = new AbortController();
  #drawing = false;
  #frame = 0;
  #hashTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(canvas: HTMLCanvasElement, jobs: Jobs) {
    this.#canvas = canvas;
    this.#jobs = jobs;
    this.#picture = new Picture(canvas);
    const actions = {
      zoom: (x: number, y: number, factor: number) => this.#change((view, size) => zoomed(view, size, x, y, factor)),
      move: (right: number, down: number) => this.#change((view, size) => moved(view, size, right, down)),
      home: () => {
        this.#card.chosen = undefined;
        this.#go(this.#homeView(), true);
      },
    };
    this.#card = new Card({
      home: actions.home,
      zoom: (factor) => actions.zoom(canvas.width / 2, canvas.height / 2, factor),
      goTo: (view) => this.#change((_, size) => fitted(view, size)),
      redraw: () => this.redraw(),
      save: () => this.#save(),
    });
    listen(canvas, actions);
    addEventListener('hashchange', () => this.#goToHash());
    new ResizeObserver(([entry]) => entry && this.#resize(entry)).observe(canvas);
  }

  /** Draws the view again: a setting or the host has changed. */
  redraw(): void {
    this.#change((view) => view);
  }

  #change(change: (view: View, size: Size) => View): void {
    if (!this.#view) return;
    const view = change(this.#view, this.#picture.size);
    this.#go(view, this.#home && view === this.#view);
  }

  #go(view: View, home = false): void {
    this.#home = home;
    this.#view = bounded(view, this.#picture.size);
    this.#newer.abort();
    this.#newer = new AbortController();
    const stale = this.#stale;
    setTimeout(() => stale.abort(), COARSE_GRACE_MS);
    this.#stale = new AbortController();
    this.#tell('drawing');
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      void this.#draw();
    });
    clearTimeout(this.#hashTimer);
    this.#hashTimer = setTimeout(() => this.#rest(), HASH_REST_MS);
  }

  #tell(state: State): void {
    this.#canvas.dataset.state = state;
  }

  /** Shows the newest view at once, as far as it was drawn, and draws until none is newer. */
  async #draw(): Promise<void> {
    const view = this.#view!;
    this.#picture.moveTo(view);
    this.#card.showView(view);
    if (this.#drawing) return;
    this.#drawing = true;
    let drawn: View | undefined;
    while (this.#view !== drawn) {
      drawn = this.#view!;
      await this.#drawView(drawn, this.#newer.signal, this.#stale.signal);
    }
    this.#drawing = false;
  }

  async #drawView(view: View, newer: AbortSignal, stale: AbortSignal): Promise<void> {
    this.#picture.moveTo(view);
    const begun = performance.now();
    try {
      if (this.#picture.wantsPreview) await this.#jobs.perform((desk) => this.#coarse(desk, view), stale);
      await this.#jobs.perform((desk) => this.#full(desk, view, newer, begun), newer);
      this.#picture.complete();
      if (this.#card.smooth) await this.#jobs.perform((desk) => this.#fine(desk, view, newer), newer);
      this.#tell('done');
    } catch (thrown) {
      if (newer.aborted) return;
      this.#tell(thrown instanceof CancelledByVisitor ? 'cancelled' : 'failed');
      if (!(thrown instanceof CancelledByVisitor)) tellError('The picture could not be drawn', thrown);
    }
  }

  async #coarse({ run }: Desk, view: View): Promise<void> {
    const full = this.#picture.size;
    const size = { width: Math.ceil(full.width / COARSE), height: Math.ceil(full.height / COARSE) };
    const step = view.span / full.width;
    // Its last column and row may reach over the picture's edge; its first ones lie exactly on it.
    const middle = {
      re: view.re + fromNumber(((size.width * COARSE - full.width) / 2) * step),
      im: view.im - fromNumber(((size.height * COARSE - full.height) / 2) * step),
      span: size.width * COARSE * step,
    };
    const maxIterations = this.#card.iterations(view);
    const { counts } = await run('mandelbrot', params(middle, size, maxIterations));
    let layer: HTMLCanvasElement | undefined;
    this.#coarsePainter.begin({ size, samples: 1, maxIterations, onDrawn: (drawn) => (layer = drawn) });
    this.#coarsePainter.add({ x: 0, y: 0, ...size, counts });
    await this.#coarsePainter.drained();
    if (layer) this.#picture.drawPreview(layer, COARSE, view);
  }

  async #full({ run, host }: Desk, view: View, newer: AbortSignal, begun: number): Promise<void> {
    // A worker that is stopped must be started again; on the main thread nothing can be stopped, and that is what it is there to show.
    if (host.backend === 'workers') await rest(newer);
    const { size } = this.#picture;
    const maxIterations = this.#card.iterations(view);
    this.#painter.begin({ size, samples: 1, maxIterations, onDrawn: (layer, ...box) => this.#picture.drawSharp(layer, ...box) });
    const job = run('mandelbrot', params(view, size, maxIterations));
    for await (const tile of job) this.#painter.add(tile);
    await this.#painter.drained();
    this.#card.showRender(size.width * size.height, job.timing.running);
    Object.assign(this.#canvas.dataset, { renderMs: (performance.now() - begun).toFixed(1), kernelMs: job.timing.running.toFixed(1) });
  }

  /** Four samples a pixel, over the picture that is there. */
  async #fine({ run, host }: Desk, view: View, newer: AbortSignal): Promise<void> {
    if (host.backend !== 'threads') await rest(newer);
    const { size } = this.#picture;
    const samples = { width: size.width * 2, height: size.height * 2 };
    const maxIterations = this.#card.iterations(view);
    const job = run('mandelbrot', params(view, samples, maxIterations));
    const { counts } = await job;
    this.#painter.begin({ size, samples: 2, maxIterations, onDrawn: (layer, ...box) => this.#picture.drawSharp(layer, ...box) });
    // Whole rows, always an even number of them: a pixel's four samples come together.
    for (let y = 0; y < samples.height; y += FINE_ROWS) {
      const height = Math.min(FINE_ROWS, samples.height - y);
      this.#painter.add({ x: 0, y, width: samples.width, height, counts: counts.subarray(y * samples.width, (y + height) * samples.width) });
    }
    await this.#painter.drained();
    this.#card.showRender(samples.width * samples.height, job.timing.running);
  }

  #resize({ contentRect, devicePixelContentBoxSize }: ResizeObserverEntry): void {
    if (contentRect.width === 0 || contentRect.height === 0) return this.#pause();
    const box = devicePixelContentBoxSize?.[0];
    const width = box?.inlineSize ?? Math.round(contentRect.width * devicePixelRatio);
    const height = box?.blockSize ?? Math.round(contentRect.height * devicePixelRatio);
    const shrink = Math.min(1, Math.sqrt(MOST_PIXELS / (width * height)));
    const size = { width: Math.max(1, Math.floor(width * shrink)), height: Math.max(1, Math.floor(height * shrink)) };
    const old = this.#picture.size;
    if (this.#view && size.width === old.width && size.height === old.height) {
      if (this.#canvas.dataset.state === 'waiting') this.redraw();
      else this.#rest();
      return;
    }
    this.#picture.resize(size);
    if (this.#view) this.#go(this.#home ? this.#homeView() : { ...this.#view, span: (this.#view.span * size.width) / old.width }, this.#home);
    else if (!this.#goToHash()) this.#go(this.#homeView(), true);
  }

  /** Another panel is shown: its jobs get every thread, and the picture goes on when it is seen again. */
  #pause(): void {
    if (this.#canvas.dataset.state !== 'drawing') return;
    this.#newer.abort();
    this.#stale.abort();
    this.#tell('waiting');
  }

  /** The whole set, beside the card where that lies over the picture. */
  #homeView(): View {
    const [picture, card] = [this.#canvas.getBoundingClientRect(), this.#card.element.getBoundingClientRect()];
    const over = card.top < picture.bottom ? Math.max(0, picture.right - card.left) : 0;
    return homeView(this.#picture.size, (over * this.#canvas.width) / picture.width);
  }

  /** Goes where the address says; false when it says nothing. */
  #goToHash(): boolean {
    const wanted = fromHash(location.hash);
    if (!wanted) return false;
    this.#card.chosen = wanted.iterations;
    this.#go(wanted.view);
    return true;
  }

  /** The view has come to rest: the address and those who hear the page are told. */
  #rest(): void {
    const view = this.#view!;
    const { re, im, span } = view;
    const iterations = this.#card.iterations(view);
    Object.assign(this.#canvas.dataset, { re: toText(re), im: toText(im), span, iterations });
    this.#canvas.setAttribute(
      'aria-label',
      `Mandelbrot set around ${coordinate(re, view)} ${im < 0n ? 'minus' : 'plus'} ${coordinate(abs(im), view)} i, ${span.toPrecision(3)} wide, up to ${iterations} iterations`,
    );
    if (this.#canvas.checkVisibility()) history.replaceState(null, '', this.#home && this.#card.chosen === undefined ? location.pathname + location.search : toHash(view, this.#card.chosen));
  }

  #save(): void {
    this.#canvas.toBlob((blob) => {
      if (!blob) return tellError('The picture could not be saved', new Error('this browser made no PNG of the canvas'));
      clearNotices();
      const link = document.createElement('a');
      link.href = URL.createObjectURL(blob);
      link.download = 'mandelbrot.png';
      link.click();
      // The download has its own hold on the data once it has begun.
      setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
    });
  }
}

/** Rows of the kernel go down from the smallest imaginary part; the set is its own mirror image, so the mirrored view has its largest on top. */
function params({ re, im, span }: View, { width, height }: Size, maxIterations: number) {
  // As text: so the kernel takes all digits, and perturbation where 64-bit numbers do not tell pixels apart.
  return { width, height, centerX: toText(re), centerY: toText(-im), span, maxIterations };
}

/** Places are given for wide pictures: a wider one shows more at the sides, not less above and below. */
function fitted(view: View, { width, height }: Size): View {
  return { ...view, span: view.span * Math.max(1, width / height / 1.6) };
}

function rest(newer: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, REST_MS);
    newer.addEventListener('abort', () => {
      clearTimeout(timer);
      reject(newer.reason as Error);
    });
  });
}
