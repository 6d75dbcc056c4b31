// What every backend is to a host: something that takes jobs and tells what happens to them.
import type { Counts } from '../shared/control.ts';
import type { Failure } from '../shared/errors.ts';
import type { Packed } from '../shared/protocol.ts';
import type { Span } from './diary.ts';
import type { CheckedHostOptions } from './options.ts';
import type { Reserve, Staged } from './stage.ts';
import type { LaneStats } from './stats.ts';

/** A job as an engine needs it. The engine writes only `slot` and `inputs.arrays`' buffers. */
export interface Task {
  readonly id: number;
  readonly kernel: string;
  /** Params as MessagePack, with the arrays taken out. */
  readonly params: Uint8Array;
  readonly inputs: Staged;
  /** Somebody reads its parts. */
  readonly streaming: boolean;
  /** Its output is to be read where it lies. */
  readonly lend: boolean;
  /** Its control block, or -1. */
  slot: number;
  /** When its time is up, by `performance.now()`: for a kernel that holds the caller's thread, on which no timer rings meanwhile. */
  readonly deadline: number;
  /** To be called then, if it still runs. */
  expire(): void;
}

/** How a task ended. Times are milliseconds since 1970; counts are the kernel's. */
export interface End extends Counts {
  kind: 'done' | 'failed' | 'cancelled';
  output?: Packed | undefined;
  /** An output without arrays, as it is. */
  plain?: unknown;
  error?: Failure | undefined;
  lent?: boolean;
  started: number;
  ended: number;
  /** When the caller's thread heard of it, by `performance.now()`. */
  heard: number;
  lane: number;
  /** Times that it ran again inside of the engine. */
  retries?: number;
}

/** Whom an engine tells. */
export interface EngineListener {
  part(task: Task, number: number, part: Packed): void;
  /** A part could not be given: the task has failed, and must be asked to stop. */
  spoiled(task: Task, error: Failure): void;
  end(task: Task, end: End): void;
  /** A thread other than its lane's own was busy. */
  busy(span: Span): void;
  /** The engine can take more tasks than a moment ago. */
  room(): void;
  /** A task must run again: its worker or process was lost, perhaps (`suspect`) by its doing. */
  rerun(task: Task, suspect: boolean, reason: string): void;
  /** A part of the engine was lost; the engine replaces it itself. */
  crashed(reason: string): void;
  /** The engine has stopped for good. `culprits` brought it down for sure, `suspects` perhaps; the `innocent` were only there. */
  lost(reason: string, tasks: { culprits: Task[]; suspects: Task[]; innocent: Task[] }, stack?: string): void;
}

/** Starts an engine of so many threads in all. */
export type StartEngine = (options: CheckedHostOptions, threads: number, listener: EngineListener) => Promise<Engine>;

/** A running instance, or several. */
export interface Engine {
  /** Memory of its instance for inputs, where the caller's thread reaches it. */
  readonly reserve?: Reserve;
  /** It ends kernels that do not stop within their grace itself. */
  readonly keepsGrace?: boolean;
  /** The kernels of its artifact. */
  readonly kernels: readonly string[];
  /** Tasks inside. */
  readonly size: number;
  /** Whether it takes one more task now. */
  hasRoom(task: Task): boolean;
  /** Takes a task. Nothing may happen to it before `flush`. */
  submit(task: Task): void;
  /** Starts what was submitted since the last call. */
  flush(): void;
  /** When the task's kernel began, by `performance.now()`; 0 if it has not. */
  began(task: Task): number;
  /** Whether the task's kernel runs no more, though what it gave is not here yet. */
  ended?(task: Task): boolean;
  /** Asks a task to stop. Its end is told. */
  cancel(task: Task): void;
  /** Asks a task for its parts from now on, where that can be done. */
  stream(task: Task): void;
  /** How far a task has come. */
  counts(task: Task): Counts;
  /** Frees the output of a task that was lent. */
  release(id: number): void;
  /** Whether the tasks inside keep the process alive. */
  keepAlive(keep: boolean): void;
  /** Gets ready for as many jobs at once as it can ever take. */
  prepare(): Promise<void>;
  readonly laneCount: number;
  /** What its lanes have done so far. */
  lanes(): LaneStats[];
  /** Ends it at once, whatever it is doing, and returns the tasks that are inside. */
  kill(): Task[];
  /** Ends it when nothing is inside. */
  close(): Promise<void>;
}
