// What the caller's thread and its workers say to each other: one payload map types every message.
// Cancel and progress are not here where memory is shared: they go through the control block.
import type { Artifact } from './artifact.ts';
import type { Failure } from './errors.ts';

/** A typed array on its way: its bytes lie in `buffer` (shared, or moved with the message). */
export interface PackedArray {
  /** Place in DTYPES. */
  dtype: number;
  buffer: ArrayBufferLike;
  byteOffset: number;
  length: number;
  shape?: readonly number[];
}

/** A value with its typed arrays taken out: in `tree` each is `{ $array: index }`. */
export interface Packed {
  tree: unknown;
  arrays: PackedArray[];
}

/** A job on its way into an instance. */
export interface Submission extends Packed {
  id: number;
  /** Its control block. */
  slot: number;
  kernel: string;
}

/** Something that happened to a job, on its way out of an instance. */
export type JobEvent =
  | ({ id: number; kind: 'part' } & Packed)
  | ({ id: number; kind: 'done'; done: number; total: number } & Packed)
  | { id: number; kind: 'cancelled'; done: number; total: number }
  | { id: number; kind: 'failed'; done: number; total: number; error: Failure }
  | { id: number; kind: 'progress'; done: number; total: number };

/** From the caller's thread to a worker. */
export interface ToWorker {
  /** Become a coordinator. `memory` is there in the `threads` artifact only. */
  coordinate: { artifact: Artifact; module: WebAssembly.Module; memory?: WebAssembly.Memory; threads: number };
  /** Become a rayon thread of the pool whose queue of threads lies at `receiver`. */
  thread: { module: WebAssembly.Module; memory: WebAssembly.Memory; receiver: number };
  /** To the coordinator: every thread waits for its work. */
  threadsReady: Record<never, never>;
  run: Submission;
}

/** From a worker to the caller's thread. */
export interface FromWorker {
  /** The coordinator asks for its threads. */
  pool: { receiver: number };
  /** A thread waits for its work. */
  threadReady: Record<never, never>;
  /** The coordinator takes jobs. */
  ready: { kernels: string[]; controlTable: number };
  /** What happened lately, in order. */
  events: { events: JobEvent[] };
  /** The worker cannot go on: start-up failed, or its wasm trapped. */
  lost: { message: string };
}

/** A message of a payload map. */
export type Message<Map> = { [Type in keyof Map]: { type: Type } & Map[Type] }[keyof Map];

/** A worker's own end of its channel to the caller's thread. */
export interface Port {
  post(message: Message<FromWorker>, transfer?: ArrayBuffer[]): void;
  onMessage(listener: (message: Message<ToWorker>) => void): void;
}
