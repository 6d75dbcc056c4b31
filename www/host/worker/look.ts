// What a kernel does now and then where it has the only thread of its instance: `check` and `advance` call it (src/boundary.rs).

/** So many milliseconds should pass between two calls. */
const PACE_MS = 0.5;
/** As many looks of the kernel may go by, however soon they follow each other: the next may come late. */
const MOST = 128;

/**
 * Gives what the wasm calls: it calls `onLook`, and returns how many looks may go by until the next time. A promise suspends the wasm, where that
 * can be done.
 */
export function paced(onLook: () => Promise<void> | undefined): () => number | Promise<number> {
  let skipped = 0;
  let last = performance.now();
  function looked(): number {
    last = performance.now();
    return skipped;
  }
  return () => {
    const passed = performance.now() - last;
    if (passed < PACE_MS) skipped = Math.min(MOST, 2 * skipped + 1);
    else if (passed > 4 * PACE_MS) skipped = Math.floor((skipped * PACE_MS) / passed);
    const pause = onLook();
    return pause ? pause.then(looked) : looked();
  };
}
