// The explorer: keeps the picture of the current view on the canvas. What was there stays, moved and scaled, until the new tiles cover it.
import { byId, contextOf, say } from './dom.ts';
import type { Engine } from './engine.ts';
import { duration } from './format.ts';
import { listenToGestures } from './gestures.ts';
import { clearNotice, tell } from './notice.ts';
import { paletteOf } from './palette.ts';
import { TilePainter } from './tiles.ts';
import { fromHash, home, iterationsFor, LEAST_SPAN, toHash, type View } from './view.ts';
import type { Job, KernelMap } from '../host/entry/browser.ts';

export class Explorer {
  readonly #engine: Engine;
  readonly #canvas = byId('canvas', HTMLCanvasElement);
  readonly #panel = byId('panel-explorer', HTMLElement);
  readonly #context = contextOf(this.#canvas);
  readonly #painter = new TilePainter(this.#canvas);
  /** A picture to show until the new one is there, and its view. */
  readonly #old = document.createElement('canvas');
  #oldView: View | undefined;
  #view: View = fromHash(location.hash) ?? this.#home();
  #job: Job<KernelMap['mandelbrot']> | undefined;
  /** Whether tiles of the current view have been drawn: then it is the picture to keep. */
  #drawn = false;
  #wanted = false;

  constructor(engine: Engine) {
    this.#engine = engine;
    listenToGestures(this.#canvas, { view: () => this.#view, home: () => this.#home(), move: (view) => this.show(view) });
    new ResizeObserver(() => this.#resize()).observe(this.#canvas);
    engine.addEventListener('host', () => this.#render());
    addEventListener('hashchange', () => {
      const view = fromHash(location.hash) ?? this.#home();
      if (toHash(view) !== toHash(this.#view)) this.show(view);
    });
    byId('save', HTMLButtonElement).addEventListener('click', () => this.#save());
    this.#followIterations();
  }

  /** Shows another view. */
  show(view: View): void {
    this.#keep();
    this.#view = view;
    this.#drawOld();
    this.#tellView();
    this.#render();
  }

  #home(): View {
    return home(this.#canvas.clientWidth / Math.max(1, this.#canvas.clientHeight));
  }

  #resize(): void {
    const ratio = Math.min(2, devicePixelRatio);
    const width = Math.max(1, Math.round(this.#canvas.clientWidth * ratio));
    const height = Math.max(1, Math.round(this.#canvas.clientHeight * ratio));
    // A hidden panel has no size; its picture stays.
    if (this.#canvas.clientWidth === 0 || (width === this.#canvas.width && height === this.#canvas.height)) return;
    this.#keep();
    this.#canvas.width = width;
    this.#canvas.height = height;
    this.#drawOld();
    this.#tellView();
    this.#render();
  }

  /** Keeps what is on the canvas, if it shows more than what was kept before. */
  #keep(): void {
    if (!this.#drawn) return;
    this.#old.width = this.#canvas.width;
    this.#old.height = this.#canvas.height;
    contextOf(this.#old).drawImage(this.#canvas, 0, 0);
    this.#oldView = this.#view;
    this.#drawn = false;
  }

  #drawOld(): void {
    const { width, height } = this.#canvas;
    this.#context.fillStyle = '#05060c';
    this.#context.fillRect(0, 0, width, height);
    if (!this.#oldView) return;
    const scale = this.#oldView.span / this.#view.span;
    const pixels = width / this.#view.span;
    const drawnWidth = width * scale;
    const drawnHeight = drawnWidth * (this.#old.height / this.#old.width);
    const left = width / 2 + (this.#oldView.x - this.#view.x) * pixels - drawnWidth / 2;
    const top = height / 2 - (this.#oldView.y - this.#view.y) * pixels - drawnHeight / 2;
    this.#context.drawImage(this.#old, left, top, drawnWidth, drawnHeight);
  }

  /** Starts the current view in the next frame: many moves within a frame make one job. */
  #render(): void {
    if (this.#wanted) return;
    this.#wanted = true;
    this.#panel.dataset['state'] = 'rendering';
    requestAnimationFrame(() => {
      this.#wanted = false;
      this.#run().catch(tell);
    });
  }

  async #run(): Promise<void> {
    this.#job?.cancel();
    const { host } = this.#engine;
    const { width, height } = this.#canvas;
    if (!host || this.#panel.hidden || width < 2) return;
    const maxIterations = this.#iterations();
    const begun = performance.now();
    this.#painter.begin(paletteOf(maxIterations) as Uint32Array<ArrayBuffer>);
    const job = host.run('mandelbrot', { width, height, centerX: this.#view.x, centerY: this.#view.y, span: this.#view.span, maxIterations });
    this.#job = job;
    this.#engine.track(job);
    try {
      for await (const tile of job) {
        if (this.#job !== job) return;
        this.#painter.add(tile);
        this.#drawn = true;
      }
      const ms = performance.now() - begun;
      await this.#painter.drained();
      if (this.#job !== job) return;
      clearNotice();
      this.#panel.dataset['state'] = 'done';
      this.#panel.dataset['renderMs'] = ms.toFixed(1);
      say('fact-time', `${duration(ms)} for ${width} × ${height}`);
      say('fact-speed', `${(width * height / ms / 1000).toFixed(1)} Mpixel/s`);
    } catch (error) {
      if (this.#job !== job) return;
      this.#panel.dataset['state'] = job.state;
      tell(error);
    }
  }

  #iterations(): number {
    const auto = byId('iterations-auto', HTMLInputElement).checked;
    const slider = byId('iterations', HTMLInputElement);
    if (auto) slider.value = String(Math.log2(iterationsFor(this.#view)));
    const value = auto ? iterationsFor(this.#view) : Math.round(2 ** slider.valueAsNumber);
    say('iterations-value', String(value));
    this.#panel.dataset['iterations'] = String(value);
    return value;
  }

  #followIterations(): void {
    const auto = byId('iterations-auto', HTMLInputElement);
    byId('iterations', HTMLInputElement).addEventListener('input', () => {
      auto.checked = false;
      this.#render();
    });
    auto.addEventListener('change', () => this.#render());
  }

  #tellView(): void {
    const { x, y, span } = this.#view;
    const digits = Math.min(16, Math.max(3, Math.ceil(-Math.log10(span)) + 4));
    say('fact-centre', `${x.toFixed(digits)} ${y < 0 ? '−' : '+'} ${Math.abs(y).toFixed(digits)}i`);
    say('fact-span', span.toExponential(2));
    byId('depth', HTMLElement).hidden = span > LEAST_SPAN * 1.01;
    this.#canvas.setAttribute('aria-label', `The Mandelbrot set around ${x.toFixed(4)} ${y < 0 ? 'minus' : 'plus'} ${Math.abs(y).toFixed(4)} i, ${span.toExponential(1)} wide`);
    this.#panel.dataset['view'] = toHash(this.#view);
    history.replaceState(null, '', toHash(this.#view));
  }

  #save(): void {
    this.#canvas.toBlob((blob) => {
      if (!blob) return tell(new Error('the picture cannot be saved'));
      const link = document.createElement('a');
      link.href = URL.createObjectURL(blob);
      link.download = 'mandelbrot.png';
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
    });
  }
}
