// A view of the complex plane, how it moves, and its form in the address.

/** Centre, and width of the picture in the complex plane. */
export interface View {
  x: number;
  y: number;
  span: number;
}

/** The view that shows the whole set on a picture of an aspect (width by height). */
export function home(aspect: number): View {
  return { x: -0.7, y: 0, span: Math.max(3.2, 2.7 * aspect) };
}

/** Below this span neighbouring pixels fall on the same 64-bit number. */
export const LEAST_SPAN = 1e-13;
const MOST_SPAN = 16;

/** Zooms by a factor (below 1: in) so that the point at `(right, up)` of the centre, in widths of the picture, stays where it is. */
export function zoom(view: View, factor: number, right = 0, up = 0): View {
  const span = Math.min(MOST_SPAN, Math.max(LEAST_SPAN, view.span * factor));
  const moved = view.span - span;
  return { x: view.x + right * moved, y: view.y + up * moved, span };
}

/** Moves by a part of the picture's width. */
export function pan(view: View, right: number, up: number): View {
  const clamp = (value: number) => Math.max(-4, Math.min(4, value));
  return { x: clamp(view.x + right * view.span), y: clamp(view.y + up * view.span), span: view.span };
}

/** Iterations that show the detail of a depth. */
export function iterationsFor({ span }: View): number {
  const doublings = Math.max(0, Math.log2(4 / span));
  return Math.round(220 + 60 * doublings + 4.5 * doublings ** 2);
}

/** `#x,y,span` */
export function toHash({ x, y, span }: View): string {
  return `#${x},${y},${span}`;
}

/** The view of an address, if it has one. */
export function fromHash(hash: string): View | undefined {
  const [x, y, span] = hash.slice(1).split(',').map(Number);
  if (![x, y, span].every(Number.isFinite)) return undefined;
  return pan(zoom({ x: x!, y: y!, span: 1 }, Math.max(LEAST_SPAN, span!)), 0, 0);
}
