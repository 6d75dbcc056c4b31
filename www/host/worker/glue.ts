// The wasm-bindgen glue of each artifact, as src/boundary.rs exports it. One glue module holds one instance for ever, so an
// instance needs a worker (or a page) of its own.
import * as baseline from 'loomwork-glue/baseline';
import * as simd from 'loomwork-glue/simd';
import * as threads from 'loomwork-glue/threads';
import type { Failure } from '../shared/errors.ts';
import type { Artifact } from '../shared/artifact.ts';

/** An array of an event, in the instance's memory. */
export interface WasmArray {
  dtype: number;
  start: number;
  len: number;
  shape?: number[];
}

/** What `nextEvent` returns. */
export interface WasmEvent {
  id: number;
  kind: 'part' | 'done' | 'cancelled' | 'failed';
  tree?: unknown;
  arrays?: WasmArray[];
  done: number;
  total: number;
  error?: Failure;
}

/** The boundary's exports; see src/boundary.rs. */
export interface Glue {
  initSync(options: { module: WebAssembly.Module; memory?: WebAssembly.Memory; thread_stack_size?: number }): { memory: WebAssembly.Memory };
  boot(): void;
  kernelNames(): string[];
  controlTable(): number;
  doorbell(): number;
  attach(dtype: number, length: number): number;
  detach(): void;
  submit(slot: number, id: number, kernel: string, tree: unknown): void;
  nextEvent(): WasmEvent | undefined;
  /** Single-threaded artifacts only. */
  onEvent(listener: () => void): void;
  /** The threads artifact only. */
  initThreadPool(threads: number): Promise<void>;
  wbg_rayon_start_worker(receiver: number): void;
}

/** The glue of an artifact. */
export function glueOf(artifact: Artifact): Glue {
  return { baseline, simd, threads }[artifact] as unknown as Glue;
}
