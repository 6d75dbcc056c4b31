// What the caller's thread and its workers say to each other: one payload map types every message.
// Cancel, progress and small jobs are not here where memory is shared: they go through the control blocks.
import type { Artifact } from './artifact.ts';
import type { Counts } from './control.ts';
import type { Failure } from './errors.ts';

/** A typed array on its way: its bytes lie in `buffer` (shared, or moved with the message). */
export interface PackedArray {
  /** Place in DTYPES. */
  dtype: number;
  buffer: ArrayBufferLike;
  byteOffset: number;
  length: number;
  shape?: readonly number[];
  /** It lies in the memory of the caller's thread's own instance already, under this number. */
  held?: number;
}

/** A value with its typed arrays taken out: in `tree` each is `{ $array: index }`. */
export interface Packed {
  tree: unknown;
  arrays: PackedArray[];
}

/** A job on its way into an instance. Arrays that are `inPlace` lie in its memory already. */
export interface Submission {
  id: number;
  /** Its control block. */
  slot: number;
  kernel: string;
  /** Params as MessagePack, with the arrays taken out. */
  params: Uint8Array;
  arrays: readonly (PackedArray & { inPlace?: boolean })[];
  /** Whether buffers that are not shared were moved here, and must go back. */
  moved: boolean;
}

/** Something that happened to a job, on its way out of an instance. */
export type JobEvent =
  /** `number` says which part it is, the same in each run of the job. */
  | ({ id: number; slot: number; kind: 'part'; number: number } & Packed)
  /** `lent`: the arrays lie in the instance's memory until they are released. */
  | ({ id: number; slot: number; kind: 'done'; done: number; total: number; lent?: boolean } & Packed)
  | { id: number; slot: number; kind: 'cancelled'; done: number; total: number }
  | { id: number; slot: number; kind: 'failed'; done: number; total: number; error: Failure }
  /** A part that JavaScript cannot hold: the job has failed, though its kernel still runs. */
  | { id: number; slot: number; kind: 'spoiled'; error: Failure }
  | { id: number; slot: number; kind: 'progress'; done: number; total: number };

/** What a worker is asked to do with a job where memory is not shared. */
export interface Unit extends Submission {
  /**
   * `whole`: run it. `split`: divide it into at most `pieces`, or run it when dividing does not pay. `plan`: divide it, or say by no shards
   * that it does not pay. `shard`: run one of its shards. `merge`: go on from what its shards gave, to its output or another round.
   */
  what: 'whole' | 'split' | 'plan' | 'shard' | 'merge';
  pieces: number;
}

/** A piece of a job: of most kernels, the same kernel with smaller params. */
export interface Shard {
  params: Uint8Array;
  arrays: PackedArray[];
}

/** Shards that can be done at the same time. None: the job goes on by a `merge` of nothing, once others have had their turn. */
export interface Round {
  shards: Shard[];
  /** How far the job is before them, where there are several rounds. */
  counts?: Counts;
}

/** The kernels whose jobs divide: into shards that are jobs of the same kernel, or in rounds. */
export interface Shardable {
  once: string[];
  rounds: string[];
}

/** Where things lie in an instance's memory. */
export interface Addresses {
  controlTable: number;
  /** Threads artifact only. */
  dispatch?: number;
  diary?: number;
}

/** From the caller's thread to a worker. */
export interface ToWorker {
  /** Become a coordinator. `memory` is there in the `threads` artifact only. */
  coordinate: { artifact: Artifact; module: WebAssembly.Module; memory?: WebAssembly.Memory };
  /** Become a lane whose pool has so many threads. */
  lane: { module: WebAssembly.Module; memory: WebAssembly.Memory; lane: number; threads: number; stack: number };
  /** Become one of the other threads of a lane's pool. */
  thread: { module: WebAssembly.Module; memory: WebAssembly.Memory; lane: number; stack: number };
  run: Submission;
  /** Single-threaded instances only. `streaming`: somebody reads the job's parts. */
  unit: Unit & { streaming: boolean };
  /** Forget what is kept of a split job, which will not be merged. */
  forget: { id: number };
  /** Free the output that a job lent. */
  release: { id: number };
}

/** From a worker to the caller's thread. */
export interface FromWorker {
  /** Web only: it holds the lock of its name until it dies. */
  alive: Record<never, never>;
  /** The instance is there; a coordinator takes jobs. */
  ready: Addresses & { kernels: string[]; shardable: Shardable; stack: number };
  /** A lane is about to look for jobs, or a thread for its pool. From now on it hears no message. */
  waiting: Record<never, never>;
  /** Its work is over: the lane was told to stop, or its pool was ended. */
  ended: Record<never, never>;
  /** A job's arrays are copied in: here are the buffers that came with it. */
  taken: { id: number; buffers: ArrayBuffer[] };
  /** A job was split, or goes on with another round; its plan is kept until it is merged or forgotten. */
  round: { id: number } & Round;
  /** What happened lately, in order. */
  events: { events: JobEvent[] };
  /**
   * The worker cannot go on: start-up failed, or its wasm trapped, while it served job `id` if it says so. `aftermath`: it stopped only
   * because another thread of the instance had trapped.
   */
  lost: { message: string; trap?: boolean; aftermath?: boolean; id?: number; stack?: string };
}

/** A message of a payload map. */
export type Message<Map> = { [Type in keyof Map]: { type: Type } & Map[Type] }[keyof Map];

/** A worker's own end of its channel to the caller's thread. */
export interface Port {
  post(message: Message<FromWorker>, transfer?: ArrayBuffer[]): void;
  onMessage(listener: (message: Message<ToWorker>) => void): void;
}
