// What a visitor does to the canvas, as moves of the view: drag, wheel, pinch, double click, keys and buttons.
import { byId } from './dom.ts';
import { pan, zoom, type View } from './view.ts';

/** What is moved. */
export interface Target {
  view(): View;
  home(): View;
  move(view: View): void;
}

const STEP = 0.12;
const KEY_ZOOM = 1.5;

export function listenToGestures(canvas: HTMLCanvasElement, target: Target): void {
  /** Of the centre, in widths of the picture; up is positive. */
  const place = ({ clientX, clientY }: { clientX: number; clientY: number }) => {
    const box = canvas.getBoundingClientRect();
    return { right: (clientX - box.left - box.width / 2) / box.width, up: -(clientY - box.top - box.height / 2) / box.width };
  };
  const zoomAt = (event: { clientX: number; clientY: number }, factor: number) => {
    const { right, up } = place(event);
    target.move(zoom(target.view(), factor, right, up));
  };

  canvas.addEventListener('wheel', (event) => {
    event.preventDefault();
    // A touchpad's pinch comes as a wheel with the control key, in small steps; lines and pages come as a mouse wheel's notches.
    const pixels = event.deltaMode === WheelEvent.DOM_DELTA_PIXEL ? event.deltaY : event.deltaY * 33;
    zoomAt(event, Math.exp(Math.max(-300, Math.min(300, pixels)) * (event.ctrlKey ? 0.01 : 0.0018)));
  }, { passive: false });
  canvas.addEventListener('dblclick', (event) => zoomAt(event, event.shiftKey ? 2.5 : 0.4));

  const pointers = new Map<number, { clientX: number; clientY: number }>();
  canvas.addEventListener('pointerdown', (event) => {
    canvas.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, { clientX: event.clientX, clientY: event.clientY });
    canvas.classList.add('dragging');
  });
  canvas.addEventListener('pointermove', (event) => {
    if (!pointers.has(event.pointerId)) return;
    const before = [...pointers.values()];
    pointers.set(event.pointerId, { clientX: event.clientX, clientY: event.clientY });
    target.move(dragged(target.view(), before, [...pointers.values()]));
  });
  for (const type of ['pointerup', 'pointercancel'] as const) {
    canvas.addEventListener(type, (event) => {
      pointers.delete(event.pointerId);
      if (pointers.size === 0) canvas.classList.remove('dragging');
    });
  }

  /** The view after fingers went from one set of places to another: what was under them stays under them. */
  function dragged(view: View, before: { clientX: number; clientY: number }[], after: { clientX: number; clientY: number }[]): View {
    const [from, to] = [before, after].map((points) => {
      const places = points.map(place);
      const right = places.reduce((sum, point) => sum + point.right, 0) / places.length;
      const up = places.reduce((sum, point) => sum + point.up, 0) / places.length;
      const spread = places.length < 2 ? 1 : Math.hypot(places[0]!.right - places[1]!.right, places[0]!.up - places[1]!.up);
      return { right, up, spread };
    }) as [{ right: number; up: number; spread: number }, { right: number; up: number; spread: number }];
    const moved = pan(view, from.right - to.right, from.up - to.up);
    return from.spread === to.spread || to.spread === 0 ? moved : zoom(moved, from.spread / to.spread, to.right, to.up);
  }

  const keys: Record<string, (view: View) => View> = {
    ArrowLeft: (view) => pan(view, -STEP, 0),
    ArrowRight: (view) => pan(view, STEP, 0),
    ArrowUp: (view) => pan(view, 0, STEP),
    ArrowDown: (view) => pan(view, 0, -STEP),
    '+': (view) => zoom(view, 1 / KEY_ZOOM),
    '=': (view) => zoom(view, 1 / KEY_ZOOM),
    '-': (view) => zoom(view, KEY_ZOOM),
    '0': () => target.home(),
    Home: () => target.home(),
  };
  canvas.addEventListener('keydown', (event) => {
    const act = keys[event.key];
    if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    target.move(act(target.view()));
  });

  byId('zoom-in', HTMLButtonElement).addEventListener('click', () => target.move(zoom(target.view(), 1 / KEY_ZOOM)));
  byId('zoom-out', HTMLButtonElement).addEventListener('click', () => target.move(zoom(target.view(), KEY_ZOOM)));
  byId('reset', HTMLButtonElement).addEventListener('click', () => target.move(target.home()));
}
