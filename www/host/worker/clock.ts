// The clock of a lane: wasm has none. Imported by the wasm itself (src/boundary.rs).

/** Milliseconds since 1970, as finely as the platform tells: comparable between threads. */
export function now(): number {
  return performance.timeOrigin + performance.now();
}
