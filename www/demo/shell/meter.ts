// The frame meter: how long the main thread went without a frame, over the last seconds. A page that is free draws a low green
// line; one that computes on its own thread leaves red blocks as wide as it was frozen.
import { byId, html, show } from './dom.ts';
import { milliseconds } from './format.ts';

/** How far back the graph goes. */
const WINDOW_MS = 6000;
/** Gaps up to this are a smooth page (two frames of a 60 Hz screen), up to the next one a visible stutter. */
const SMOOTH_MS = 34;
const STUTTER_MS = 100;
/** The graph's top; its scale is logarithmic from a 125 Hz frame up to here. */
const FULL_MS = 2000;
const LEAST_MS = 8;

interface Gap {
  from: number;
  to: number;
}

export function startMeter(): void {
  const canvas = byId('meter', HTMLCanvasElement);
  const context = canvas.getContext('2d');
  if (!context) return;
  const box = html('strip');
  const worstLabel = html('meter-worst');
  const worstGap = html('meter-gap');
  const spoken = html('meter-text');
  const still = matchMedia('(prefers-reduced-motion: reduce)');
  let gaps: Gap[] = [];
  let last: number | undefined;
  let toldAt = 0;
  let drawnAt = 0;
  let colours = readColours(canvas);
  document.addEventListener('themechange', () => {
    colours = readColours(canvas);
  });
  // A hidden page has no frames: that is no freeze.
  document.addEventListener('visibilitychange', () => {
    last = undefined;
  });
  new ResizeObserver(() => {
    canvas.width = Math.round(canvas.clientWidth * devicePixelRatio);
    canvas.height = Math.round(canvas.clientHeight * devicePixelRatio);
  }).observe(canvas);

  requestAnimationFrame(function frame() {
    // The time of the frame's start lags behind after a freeze; the clock does not.
    const now = performance.now();
    if (last !== undefined) gaps.push({ from: last, to: now });
    last = now;
    while (gaps[0] && gaps[0].to < now - WINDOW_MS) gaps.shift();
    if (now - drawnAt >= (still.matches ? 500 : 0)) {
      drawnAt = now;
      draw(context, canvas, gaps, now, colours);
    }
    if (now - toldAt >= 250) {
      toldAt = now;
      const worst = gaps.reduce((most, { from, to }) => Math.max(most, to - from), 0);
      box.dataset.worstGap = worst.toFixed(0);
      worstLabel.dataset.level = level(worst);
      show(worstGap, milliseconds(worst));
      show(spoken, level(worst) === 'good' ? 'is free' : level(worst) === 'fair' ? 'stutters' : 'freezes');
    }
    requestAnimationFrame(frame);
  });
}

type Level = 'good' | 'fair' | 'bad';

function level(gap: number): Level {
  return gap <= SMOOTH_MS ? 'good' : gap <= STUTTER_MS ? 'fair' : 'bad';
}

function draw(context: CanvasRenderingContext2D, { width, height }: HTMLCanvasElement, gaps: readonly Gap[], now: number, colours: Record<Level, string>): void {
  context.clearRect(0, 0, width, height);
  const x = (time: number) => width * (1 - (now - time) / WINDOW_MS);
  for (const { from, to } of gaps) {
    const gap = to - from;
    const part = Math.log(Math.max(gap, LEAST_MS) / LEAST_MS) / Math.log(FULL_MS / LEAST_MS);
    const bar = Math.max(1, Math.min(1, part) * height);
    context.fillStyle = colours[level(gap)];
    context.fillRect(x(from), height - bar, x(to) - x(from) + 0.5, bar);
  }
}

function readColours(element: Element): Record<Level, string> {
  const style = getComputedStyle(element);
  // A custom property would come back unresolved; the three are carried by ordinary ones.
  return { good: style.color, fair: style.outlineColor, bad: style.caretColor };
}
