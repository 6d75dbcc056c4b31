// The wasm-bindgen glue of each artifact, as src/boundary.rs exports it. One glue holds one instance for ever, so an instance needs a worker
// (or a page) of its own.
import type { Failure } from '../shared/errors.ts';
import type { Artifact } from '../shared/artifact.ts';
import { now } from './clock.ts';

/** The last lines of every bundled file that needs it (www/crate/glue.ts): each artifact's glue, given what the wasm itself imports. */
declare const __loomworkGlue: Partial<Record<Artifact, (imports: object) => unknown>>;

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
  slot: number;
  kind: 'part' | 'done' | 'cancelled' | 'failed' | 'room';
  number?: number;
  tree?: unknown;
  arrays?: WasmArray[];
  done: number;
  total: number;
  lent?: boolean;
  error?: Failure;
  bytes?: number;
}

/** Shards that `split` and `merge` return. */
export interface WasmRound {
  shards: { params: Uint8Array; arrays: WasmArray[] }[];
  done?: number;
  total?: number;
}

/** What a single-threaded artifact exports by itself. */
export interface LocalExports {
  memory: WebAssembly.Memory;
  __loomwork_step(slot: number, id: number): number;
}

/** The boundary's exports; see src/boundary.rs. */
export interface Glue {
  initSync(options: { module: WebAssembly.Module; memory?: WebAssembly.Memory; thread_stack_size?: number }): {
    memory: WebAssembly.Memory;
    __wbindgen_thread_destroy?: () => void;
  };
  /** As `initSync` without a memory, for the caller's thread: Chromium's main thread makes no instance of a large module at once. */
  init(options: { module_or_path: WebAssembly.Module }): Promise<LocalExports>;
  boot(): void;
  kernelNames(): string[];
  controlTable(): number;
  attach(dtype: number, length: number): number;
  attachInPlace?(dtype: number, start: number, length: number): boolean;
  detach(): void;
  /** These three: single-threaded artifacts only. */
  hold(number: number, dtype: number, length: number): number;
  attachHeld(number: number): boolean;
  letGo(number: number): void;
  submit(slot: number, id: number, kernel: string, params: Uint8Array): void;
  nextEvent(): WasmEvent | undefined;
  hasEvents(): boolean;
  release(id: number): void;
  /** Threads only. */
  freeReleased?(): void;
  shardableKernels(rounds: boolean): string[];
  // Single-threaded artifacts only.
  onEvent(listener: () => void): void;
  split(slot: number, id: number, kernel: string, params: Uint8Array, pieces: number, orRun: boolean): WasmRound | undefined;
  runShard(slot: number, id: number, kernel: string, params: Uint8Array): void;
  merge(slot: number, id: number, kernel: string, outputs: Uint8Array): WasmRound | undefined;
  begin(id: number, kernel: string, params: Uint8Array, pieces: number): boolean;
  progressOf(id: number): Float64Array | undefined;
  forget(id: number): void;
  // The threads artifact only.
  dispatch(): number;
  diary(): number;
  coordinatorBell(): number;
  stackBytes(): number;
  openLane(lane: number, threads: number): void;
  runLane(lane: number): void;
  runThread(lane: number): boolean;
}

const made: Partial<Record<Artifact, Glue>> = {};

/**
 * The glue of an artifact; always the same.
 *
 * @param look what a kernel calls now and then where it runs on the only thread: an import of the wasm
 */
export function glueOf(artifact: Artifact, look: unknown): Glue {
  const make = __loomworkGlue[artifact];
  if (!make) throw new Error(`this package was built without the artifact "${artifact}"`);
  return (made[artifact] ??= make({ 'loomwork-clock': { now }, 'loomwork-look': { look } }) as Glue);
}
