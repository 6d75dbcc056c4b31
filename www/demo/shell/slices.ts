// Long loops of the page's own, cut into slices so short that no frame is missed.

/** How long a slice may take. */
const SLICE_MS = 4;

/** Calls `step` until it returns false, with the event loop in between whenever a slice is over. */
export async function inSlices(step: () => boolean, signal?: AbortSignal): Promise<void> {
  for (;;) {
    const until = performance.now() + SLICE_MS;
    do {
      if (!step()) return;
    } while (performance.now() < until);
    await nextTurn();
    signal?.throwIfAborted();
  }
}

/** A message, as nested timers are held back by 4 ms. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(undefined);
  });
}
