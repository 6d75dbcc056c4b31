// The seam: what a host needs of the runtime that it is in. One file beside this one per runtime; nothing else asks where it runs.
import type { StartEngine } from '../main/engine.ts';
import type { Artifact } from '../shared/artifact.ts';
import type { FromWorker, Message, ToWorker } from '../shared/protocol.ts';
import type { Assets } from './assets.ts';

/** inline.js. */
export type InlineModule = Pick<typeof import('../entry/inline.ts'), 'openInline'>;

/** A worker as its owner holds it. */
export interface WorkerHandle {
  post(message: Message<ToWorker>, transfer?: ArrayBuffer[]): void;
  /** Ends it; resolves when it has ended, where the runtime tells, and within a bound where not. */
  terminate(): Promise<void>;
  /** Whether it keeps the process alive (Node-like runtimes). */
  keepAlive(keep: boolean): void;
}

/** What happens at the other end of a worker. */
export interface WorkerListener {
  message(message: Message<FromWorker>): void;
  /** It failed to load, threw, or ended by itself. */
  lost(reason: string): void;
}

export interface Runtime {
  /** For messages: `browser`, `node v20.1.0`. */
  readonly name: string;
  /** How many threads can run at once. */
  cores(): number;
  /** Why memory cannot be shared between threads here and what would change that, or `undefined` when it can. */
  whyNotShared(): string | undefined;
  /** Why workers cannot be started here, or `undefined` when they can. */
  whyNoWorkers(): string | undefined;
  /**
   * The bytes of an artifact, compiled.
   *
   * @param url where they lie, when not beside the package's JavaScript
   * @throws Error with a sentence that names the file and what is wrong with it
   */
  compile(artifact: Artifact, url: string | URL | undefined): Promise<WebAssembly.Module>;
  /** What runs an instance on the caller's own thread: a file of its own, where files can be loaded on the way. */
  inline(): Promise<InlineModule>;
  /** Starts a worker. Its failures, also to load, go to the listener. */
  spawn(name: string, assets: Assets, listener: WorkerListener): WorkerHandle;
  /** What is wrong with the worker's file, as far as can be told from here. */
  diagnoseWorker(assets: Assets): Promise<string>;
  /** Backends that need what only some runtimes have. */
  readonly backends?: Partial<Record<'process' | 'queue', StartEngine>>;
  /** Lets the event loop do other things. */
  yield(): Promise<void>;
  /** Calls back in the event loop's next turn. */
  soon(callback: () => void): void;
}
