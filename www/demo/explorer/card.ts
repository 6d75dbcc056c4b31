// The explorer's card: the settings that the visitor makes there, and what it tells of the view.
import { button, html, input, select, show } from '../shell/dom.ts';
import { integer, milliseconds, rate } from '../shell/format.ts';
import { places } from './places.ts';
import { abs } from './decimal.ts';
import { coordinate, iterationsFor, LEAST_SPAN, type View } from './view.ts';

/** What the card asks of the explorer. */
export interface CardActions {
  zoom(factor: number): void;
  home(): void;
  goTo(view: View): void;
  redraw(): void;
  save(): void;
}

export class Card {
  readonly element = html('view-card');
  readonly #auto = input('iterations-auto');
  readonly #slider = input('iterations');
  readonly #smooth = input('smooth');
  /** Iterations that the visitor chose; undefined: as the zoom needs. */
  #chosen: number | undefined;

  constructor(actions: CardActions) {
    // Fine screens have small pixels, and four times as many of them.
    this.#smooth.checked = devicePixelRatio < 2;
    this.element.addEventListener('submit', (event) => event.preventDefault());
    button('zoom-in').addEventListener('click', () => actions.zoom(2));
    button('zoom-out').addEventListener('click', () => actions.zoom(0.5));
    button('reset').addEventListener('click', () => actions.home());
    button('redraw').addEventListener('click', () => actions.redraw());
    button('save').addEventListener('click', () => actions.save());
    this.#slider.addEventListener('input', () => {
      this.chosen = Math.round(2 ** Number(this.#slider.value));
      actions.redraw();
    });
    this.#auto.addEventListener('change', () => {
      this.#chosen = this.#auto.checked ? undefined : Math.round(2 ** Number(this.#slider.value));
      actions.redraw();
    });
    this.#smooth.addEventListener('change', () => actions.redraw());

    const place = select('place');
    place.append(new Option('go to…', ''), ...places.map(({ name }, index) => new Option(name, String(index))));
    place.addEventListener('change', () => {
      const there = places[Number(place.value)];
      if (place.value === '' || !there) return;
      place.value = '';
      this.chosen = undefined;
      actions.goTo(there.view);
    });
  }

  get smooth(): boolean {
    return this.#smooth.checked;
  }

  get chosen(): number | undefined {
    return this.#chosen;
  }

  set chosen(iterations: number | undefined) {
    this.#chosen = iterations;
    this.#auto.checked = iterations === undefined;
  }

  iterations(view: View): number {
    return this.#chosen ?? iterationsFor(view);
  }

  showView(view: View): void {
    const iterations = this.iterations(view);
    this.#slider.value = String(Math.log2(iterations));
    show(html('iterations-value'), integer(iterations));
    show(html('view-re'), coordinate(view.re, view));
    show(html('view-im'), `${view.im < 0n ? '−' : '+'} ${coordinate(abs(view.im), view)} i`);
    show(html('view-span'), view.span.toPrecision(3));
    html('depth').hidden = view.span > LEAST_SPAN * 1.01;
  }

  showRender(samples: number, ms: number): void {
    show(html('view-time'), `${milliseconds(ms)} for ${(samples / 1e6).toFixed(2)} M samples`);
    show(html('view-rate'), rate(samples, ms, 'pixels'));
  }
}
