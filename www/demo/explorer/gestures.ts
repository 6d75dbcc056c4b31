// Pointer, wheel and keys over the canvas, told as moves and zooms in the canvas's own pixels.

export interface Moves {
  move(right: number, down: number): void;
  /** About the point at (x, y). */
  zoom(x: number, y: number, factor: number): void;
  home(): void;
}

/** Magnification of a double click or of a key. */
const STEP = 2;
/** Magnification per pixel of the wheel; a pinch on a touchpad comes as a wheel with Ctrl, in smaller numbers. */
const WHEEL = 0.0018;
const PINCH_WHEEL = 0.01;
/** What a wheel's line and page are in pixels. */
const UNITS = [1, 18, 400];
/** The part of the picture that an arrow key moves over. */
const ARROW = 0.12;

export function listen(canvas: HTMLCanvasElement, moves: Moves): void {
  const pointers = new Map<number, { x: number; y: number }>();
  const place = ({ clientX, clientY }: MouseEvent) => {
    const box = canvas.getBoundingClientRect();
    return { x: ((clientX - box.left) * canvas.width) / box.width, y: ((clientY - box.top) * canvas.height) / box.height };
  };

  canvas.addEventListener('pointerdown', (event) => {
    if (event.button !== 0) return;
    canvas.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, place(event));
    canvas.dataset.dragging = '';
  });
  canvas.addEventListener('pointermove', (event) => {
    const before = pointers.get(event.pointerId);
    if (!before) return;
    const now = place(event);
    const other = [...pointers].find(([id]) => id !== event.pointerId)?.[1];
    if (other) {
      // Two fingers: both points of the plane stay under them.
      const [was, is] = [Math.hypot(before.x - other.x, before.y - other.y), Math.hypot(now.x - other.x, now.y - other.y)];
      moves.zoom((before.x + other.x) / 2, (before.y + other.y) / 2, is / Math.max(1, was));
      moves.move((now.x - before.x) / 2, (now.y - before.y) / 2);
      pointers.set(event.pointerId, now);
    } else {
      // Whole pixels, so that what is drawn stays sharp; the rest is kept for the next event.
      const [right, down] = [Math.round(now.x - before.x), Math.round(now.y - before.y)];
      if (right !== 0 || down !== 0) moves.move(right, down);
      pointers.set(event.pointerId, { x: before.x + right, y: before.y + down });
    }
  });
  const release = ({ pointerId }: PointerEvent) => {
    pointers.delete(pointerId);
    if (pointers.size === 0) delete canvas.dataset.dragging;
  };
  canvas.addEventListener('pointerup', release);
  canvas.addEventListener('pointercancel', release);

  canvas.addEventListener('dblclick', (event) => {
    const { x, y } = place(event);
    moves.zoom(x, y, event.shiftKey ? 1 / STEP : STEP);
  });
  canvas.addEventListener(
    'wheel',
    (event) => {
      event.preventDefault();
      const { x, y } = place(event);
      const turn = event.deltaY * UNITS[event.deltaMode]!;
      moves.zoom(x, y, Math.exp(-Math.max(-400, Math.min(400, turn)) * (event.ctrlKey ? PINCH_WHEEL : WHEEL)));
    },
    { passive: false },
  );

  canvas.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { width, height } = canvas;
    const way = Math.round(ARROW * Math.min(width, height)) * (event.shiftKey ? 4 : 1);
    const keys: Record<string, () => void> = {
      ArrowLeft: () => moves.move(way, 0),
      ArrowRight: () => moves.move(-way, 0),
      ArrowUp: () => moves.move(0, way),
      ArrowDown: () => moves.move(0, -way),
      '+': () => moves.zoom(width / 2, height / 2, STEP),
      '=': () => moves.zoom(width / 2, height / 2, STEP),
      '-': () => moves.zoom(width / 2, height / 2, 1 / STEP),
      0: () => moves.home(),
      Home: () => moves.home(),
    };
    const action = keys[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  });
}
