// What part of the plane is looked at: plain values and the arithmetic on them. Imaginary numbers grow upwards, as on paper.

export interface View {
  re: number;
  im: number;
  /** Width of the picture in the plane. */
  span: number;
}

/** Pixels of the picture. */
export interface Size {
  width: number;
  height: number;
}

/** Closer pixels would be the same 64-bit number: near the set's edge these are 1.1e-16 to 2.2e-16 apart. */
const LEAST_STEP = 2.3e-16;
const MOST_SPAN = 16;
const FARTHEST = 4;

/**
 * The whole set, whatever the picture's shape.
 *
 * @param covered pixels at the right that something else covers
 */
export function homeView({ width, height }: Size, covered: number): View {
  const span = Math.max((3 * width) / (width - covered), (2.5 * width) / height);
  // In the middle of what is free, as far as the set would else reach under the cover.
  const [rightmost, free] = [0.6, span * (0.5 - covered / width)];
  return { re: Math.max(-0.65, rightmost - free), im: 0, span };
}

export function leastSpan({ width }: Size): number {
  return LEAST_STEP * width;
}

/** A view that can be drawn. */
export function bounded({ re, im, span }: View, size: Size): View {
  return {
    re: Math.min(FARTHEST, Math.max(-FARTHEST, re)),
    im: Math.min(FARTHEST, Math.max(-FARTHEST, im)),
    span: Math.min(MOST_SPAN, Math.max(leastSpan(size), span)),
  };
}

/** Moves the picture by so many pixels, right and down. */
export function moved({ re, im, span }: View, { width }: Size, right: number, down: number): View {
  const step = span / width;
  return { re: re - right * step, im: im + down * step, span };
}

/** Magnifies by a factor while the point at pixel (x, y) stays where it is. */
export function zoomed(view: View, size: Size, x: number, y: number, factor: number): View {
  const span = bounded({ ...view, span: view.span / factor }, size).span;
  const grown = (view.span - span) / size.width;
  return { re: view.re + (x - size.width / 2) * grown, im: view.im - (y - size.height / 2) * grown, span };
}

/** Iterations that show a view's detail: deeper views have longer orbits. */
export function iterationsFor({ span }: View): number {
  const octaves = Math.max(0, Math.log2(4 / span));
  return Math.round(300 + 45 * octaves + 2.2 * octaves * octaves);
}

/** Where pixels of one view lie in another: `x' = x * scale + right`, `y' = y * scale + down`. */
export function mapping(from: View, to: View, { width, height }: Size): { scale: number; right: number; down: number } {
  const step = to.span / width;
  const scale = from.span / to.span;
  const right = (from.re - to.re) / step + (width / 2) * (1 - scale);
  const down = (to.im - from.im) / step + (height / 2) * (1 - scale);
  // Without a change of scale, whole pixels: nothing blurs.
  return scale === 1 ? { scale, right: Math.round(right), down: Math.round(down) } : { scale, right, down };
}

/** `#re=…&im=…&span=…`, and `&n=…` where the visitor chose the iterations. */
export function toHash({ re, im, span }: View, iterations: number | undefined): string {
  return `#re=${re}&im=${im}&span=${span}${iterations === undefined ? '' : `&n=${iterations}`}`;
}

export function fromHash(hash: string): { view: View; iterations: number | undefined } | undefined {
  const values = new URLSearchParams(hash.slice(1));
  const number = (name: string) => (values.has(name) ? Number(values.get(name)) : Number.NaN);
  const view = { re: number('re'), im: number('im'), span: number('span') };
  const iterations = number('n');
  if (!Number.isFinite(view.re) || !Number.isFinite(view.im) || !(view.span > 0)) return undefined;
  return { view, iterations: iterations >= 1 && iterations <= 2 ** 20 ? Math.round(iterations) : undefined };
}

/** As many digits as tell neighbouring pixels apart. */
export function coordinate(value: number, { span }: View): string {
  return value.toFixed(Math.min(17, Math.max(2, Math.ceil(3 - Math.log10(span))))).replace('-', '−');
}
