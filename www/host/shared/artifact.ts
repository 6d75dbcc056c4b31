/**
 * A compiled variant of the wasm: `threads` (shared memory, simd128), `simd` (one thread, simd128) or `baseline` (one thread).
 */
export type Artifact = 'threads' | 'simd' | 'baseline';
