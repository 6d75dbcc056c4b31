// What a host and its child processes say to each other. Messages go in lists through Node's channel (advanced serialisation); arrays too
// large for it go beside it, as bytes in a pipe, in the order of the messages that tell of them.
import type { Counts } from '../shared/control.ts';
import type { Failure } from '../shared/errors.ts';

/** An array on its way: its bytes are here, or come through the pipe. */
export interface Carried {
  /** Place in DTYPES. */
  dtype: number;
  length: number;
  shape?: readonly number[];
  bytes?: Uint8Array;
}

/** What a child's host is opened with: plain data. */
export interface ChildOptions {
  threads: number;
  artifact: 'auto' | 'threads' | 'simd' | 'baseline';
  maxMemory: number;
  concurrency?: number;
  grace: number;
  spin: number;
  startTimeout: number;
  assets: { worker?: string; wasm?: Record<string, string> };
}

/** From the host to a child. */
export interface ToChild {
  /** Open a host. `maxProcessMemory`: end when so many bytes are in use; 0 for no limit. */
  open: { options: ChildOptions; maxProcessMemory: number };
  run: { id: number; kernel: string; params: Uint8Array; arrays: Carried[]; streaming: boolean };
  cancel: { id: number };
  /** Send parts from now on. */
  stream: { id: number };
  /** Are you there? */
  ping: Record<never, never>;
  /** Do what is left, and end. */
  close: Record<never, never>;
}

/** From a child to the host. */
export interface FromChild {
  /** `piped`: it can read and write the pipe. */
  ready: { kernels: string[]; concurrency: number; piped: boolean };
  /** It could not start. */
  failed: { error: Failure };
  /** How far jobs have come; `began` in milliseconds since 1970, 0 if it has not. */
  progress: { jobs: ({ id: number; began: number } & Counts)[] };
  part: { id: number; number: number; tree: unknown; arrays: Carried[] };
  end: {
    id: number;
    kind: 'done' | 'failed' | 'cancelled';
    tree?: unknown;
    arrays?: Carried[];
    error?: Failure;
    /** Milliseconds since 1970. */
    started: number;
    ended: number;
    retries: number;
  } & Counts;
  /** Its host lost an instance and is replacing it. */
  crashed: { reason: string };
  /** It ends itself. */
  giveUp: { reason: string };
  pong: Record<never, never>;
}

/** Larger arrays go through the pipe: from here on that is faster. */
export const PIPED_BYTES = 2 ** 17;
