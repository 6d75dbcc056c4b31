// What part of the plane is looked at: plain values and the arithmetic on them. Imaginary numbers grow upwards, as on paper.
import { abs, DIGITS, fromNumber, fromText, rounded, toNumber, toText, type Decimal } from './decimal.ts';

/** A view. Its middle has as many digits as tell its pixels apart. */
export interface View {
  re: Decimal;
  im: Decimal;
  /** Width of the picture in the plane. */
  span: number;
}

/** Pixels of the picture. */
export interface Size {
  width: number;
  height: number;
}

/** Narrower, and what is less than a pixel would have no digits any more, here or in 64-bit exponents. */
export const LEAST_SPAN = 1e-290;
const MOST_SPAN = 16;
const FARTHEST = fromNumber(4);
/** Digits of a middle beyond those that tell pixels apart. */
const SPARE = 3;
/** The slider's most: more iterations than that are chosen by nobody. */
const MOST_ITERATIONS = 2 ** 20;
/** A coordinate of more digits is told by its beginning and its end. */
const TOLD = 20;

/**
 * The whole set, whatever the picture's shape.
 *
 * @param covered pixels at the right that something else covers
 */
export function homeView({ width, height }: Size, covered: number): View {
  const span = Math.max((3 * width) / (width - covered), (2.5 * width) / height);
  // In the middle of what is free, as far as the set would else reach under the cover.
  const [rightmost, free] = [0.6, span * (0.5 - covered / width)];
  return { re: fromNumber(Math.max(-0.65, rightmost - free)), im: 0n, span };
}

/** A view that can be drawn. */
export function bounded(view: View, { width }: Size): View {
  const span = Math.min(MOST_SPAN, Math.max(LEAST_SPAN, view.span));
  const digits = Math.min(DIGITS, Math.max(0, Math.ceil(-Math.log10(span / width))) + SPARE);
  const near = (coordinate: Decimal) => rounded(abs(coordinate) <= FARTHEST ? coordinate : coordinate < 0n ? -FARTHEST : FARTHEST, digits);
  return { re: near(view.re), im: near(view.im), span };
}

/** Moves the picture by so many pixels, right and down. */
export function moved({ re, im, span }: View, { width }: Size, right: number, down: number): View {
  const step = span / width;
  return { re: re - fromNumber(right * step), im: im + fromNumber(down * step), span };
}

/** Magnifies by a factor while the point at pixel (x, y) stays where it is. */
export function zoomed(view: View, size: Size, x: number, y: number, factor: number): View {
  const span = bounded({ ...view, span: view.span / factor }, size).span;
  const grown = (view.span - span) / size.width;
  return { re: view.re + fromNumber((x - size.width / 2) * grown), im: view.im - fromNumber((y - size.height / 2) * grown), span };
}

/** Iterations that show a view's detail: deeper views have longer orbits. */
export function iterationsFor({ span }: View): number {
  const octaves = Math.max(0, Math.log2(4 / span));
  return Math.min(MOST_ITERATIONS, Math.round(300 + 45 * octaves + 2.2 * octaves * octaves));
}

/** Where pixels of one view lie in another: `x' = x * scale + right`, `y' = y * scale + down`. */
export function mapping(from: View, to: View, { width, height }: Size): { scale: number; right: number; down: number } {
  const step = to.span / width;
  const scale = from.span / to.span;
  const right = toNumber(from.re - to.re) / step + (width / 2) * (1 - scale);
  const down = toNumber(to.im - from.im) / step + (height / 2) * (1 - scale);
  // Without a change of scale, whole pixels: nothing blurs.
  return scale === 1 ? { scale, right: Math.round(right), down: Math.round(down) } : { scale, right, down };
}

/** `#re=…&im=…&span=…`, and `&n=…` where the visitor chose the iterations. */
export function toHash({ re, im, span }: View, iterations: number | undefined): string {
  return `#re=${toText(re)}&im=${toText(im)}&span=${span}${iterations === undefined ? '' : `&n=${iterations}`}`;
}

export function fromHash(hash: string): { view: View; iterations: number | undefined } | undefined {
  const values = new URLSearchParams(hash.slice(1));
  const [re, im] = [fromText(values.get('re') ?? ''), fromText(values.get('im') ?? '')];
  const [span, iterations] = [Number(values.get('span') ?? Number.NaN), Number(values.get('n') ?? Number.NaN)];
  if (re === undefined || im === undefined || !(span > 0)) return undefined;
  return { view: { re, im, span }, iterations: iterations >= 1 && iterations <= MOST_ITERATIONS ? Math.round(iterations) : undefined };
}

/** As many digits as tell neighbouring pixels apart, or the first and the last of them. */
export function coordinate(value: Decimal, { span }: View): string {
  const digits = Math.min(DIGITS, Math.max(2, Math.ceil(3 - Math.log10(span))));
  const [whole, fraction = ''] = toText(rounded(value, digits)).replace('-', '−').split('.');
  const all = fraction.padEnd(digits, '0');
  return `${whole}.${digits > TOLD ? `${all.slice(0, 9)}…${all.slice(-6)}` : all}`;
}
