// The frame meter: the time between frames of the main thread, drawn, and the worst of the last seconds in numbers.
import { byId, contextOf } from './dom.ts';

const BARS = 72;
const WORST_OF_MS = 3000;
/** A frame is late from here on, and the page feels stuck from there on. */
const LATE_MS = 34;
const STUCK_MS = 100;

export function startMeter(): void {
  const canvas = byId('meter', HTMLCanvasElement);
  const context = contextOf(canvas);
  const value = byId('meter-value', HTMLOutputElement);
  const gaps: { at: number; ms: number }[] = [];
  let last: number | undefined;
  let told = 0;

  function frame(now: number): void {
    if (last !== undefined && document.visibilityState === 'visible') gaps.push({ at: now, ms: now - last });
    last = now;
    while (gaps.length > 0 && (gaps.length > 600 || gaps[0]!.at < now - WORST_OF_MS)) gaps.shift();
    draw();
    if (now - told > 250) {
      told = now;
      const worst = Math.max(0, ...gaps.map(({ ms }) => ms));
      value.textContent = `${worst.toFixed(0)} ms max`;
      value.dataset['level'] = levelOf(worst);
      value.dataset['worst'] = worst.toFixed(1);
    }
    requestAnimationFrame(frame);
  }

  function draw(): void {
    const style = getComputedStyle(canvas);
    const colours: Record<string, string> = { good: style.getPropertyValue('--good'), warn: style.getPropertyValue('--warn'), bad: style.getPropertyValue('--bad') };
    context.fillStyle = style.getPropertyValue('--sunken');
    context.fillRect(0, 0, canvas.width, canvas.height);
    gaps.slice(-BARS).forEach(({ ms }, index) => {
      const height = Math.max(2, Math.min(1, ms / STUCK_MS) * canvas.height);
      context.fillStyle = colours[levelOf(ms)]!;
      context.fillRect(index * (canvas.width / BARS), canvas.height - height, canvas.width / BARS - 0.5, height);
    });
  }

  // The first frames are the page's own start.
  setTimeout(() => requestAnimationFrame(frame), 500);
}

function levelOf(ms: number): 'good' | 'warn' | 'bad' {
  return ms >= STUCK_MS ? 'bad' : ms >= LATE_MS ? 'warn' : 'good';
}
