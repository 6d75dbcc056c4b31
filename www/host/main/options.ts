// What a caller may ask of a host and of a job, with every value checked before anything starts.
import { badParams } from '../shared/errors.ts';
import type { Assets } from '../runtime/assets.ts';
import type { Artifact } from '../shared/artifact.ts';

/** Where a host's kernels run. */
export type Backend = 'threads' | 'workers' | 'inline';

/** Options of {@link createHost}. */
export interface HostOptions {
  /**
   * Where kernels run: on shared-memory `threads`, on single-threaded `workers`, or `inline` on the caller's own thread, which
   * blocks it. `auto` takes the best that the place allows; `host.why` tells why.
   *
   * @default 'auto'
   */
  backend?: 'auto' | Backend;
  /**
   * Threads of the `threads` backend.
   *
   * @default 'auto', one per core
   */
  threads?: number | 'auto';
  /**
   * The compiled variant of the wasm.
   *
   * @default 'auto', the fastest that the runtime can execute
   */
  artifact?: 'auto' | Artifact;
  /**
   * Bytes that the instance's memory may grow to, up to 4 GiB.
   *
   * @default 2 GiB
   */
  maxMemory?: number;
  /**
   * Jobs inside the instance at once, 1 to 64; the others wait in order. Single-threaded instances take one at a time.
   *
   * @default the number of threads, at least 2
   */
  concurrency?: number;
  /**
   * Milliseconds from `run` after which a job fails with a `TimeoutError`, for jobs that do not say themselves.
   *
   * @default none
   */
  timeout?: number;
  /**
   * Milliseconds that a start may take before it fails with `START_FAILED`.
   *
   * @default 30000
   */
  startTimeout?: number;
  /** Where the package's files lie, when they are not beside its JavaScript. */
  assets?: Assets;
}

/** Options of {@link Host.run}. */
export interface RunOptions {
  /** Aborting it stops the job; the job rejects with `signal.reason`. */
  signal?: AbortSignal;
  /** Milliseconds from now after which the job fails with a `TimeoutError`. */
  timeout?: number;
  /** Buffers of the params to move instead of copying; they are empty afterwards, as with `postMessage`. */
  transfer?: readonly ArrayBuffer[];
  /** Called about 20 times a second while the job runs, and once when it is done. */
  onProgress?: (progress: Progress) => void;
}

/** How far a job has come, in the kernel's own units (rows, bytes, …). */
export interface Progress {
  done: number;
  /** 0 until the kernel has said. */
  total: number;
  /** `done / total`, 0 to 1. */
  fraction: number;
}

/** Host options with every default filled in. */
export interface CheckedHostOptions {
  backend: 'auto' | Backend;
  threads: number | 'auto';
  artifact: 'auto' | Artifact;
  maxMemory: number;
  concurrency: number | undefined;
  timeout: number | undefined;
  startTimeout: number;
  assets: Assets;
}

const GIB = 2 ** 30;
const MAX_THREADS = 256;
/** Timers take no longer delays. */
const MAX_DELAY_MS = 2 ** 31 - 1;

/** @throws LoomworkError BAD_PARAMS naming the option */
export function checkHostOptions(options: HostOptions = {}): CheckedHostOptions {
  onlyKeys(options, ['backend', 'threads', 'artifact', 'maxMemory', 'concurrency', 'timeout', 'startTimeout', 'assets']);
  const { backend = 'auto', threads = 'auto', artifact = 'auto', maxMemory = 2 * GIB, concurrency, timeout, startTimeout = 30_000, assets = {} } = options;
  oneOf('backend', backend, ['auto', 'threads', 'workers', 'inline']);
  oneOf('artifact', artifact, ['auto', 'threads', 'simd', 'baseline']);
  if (threads !== 'auto') integer('threads', threads, 1, MAX_THREADS, 'or "auto"');
  integer('maxMemory', maxMemory, 2 ** 24, 4 * GIB, 'bytes');
  if (concurrency !== undefined) integer('concurrency', concurrency, 1, 64);
  if (timeout !== undefined) delay('timeout', timeout);
  delay('startTimeout', startTimeout);
  object('assets', assets);
  return { backend, threads, artifact, maxMemory, concurrency, timeout, startTimeout, assets };
}

/** @throws LoomworkError BAD_PARAMS naming the option */
export function checkRunOptions(options: RunOptions): RunOptions {
  onlyKeys(options, ['signal', 'timeout', 'transfer', 'onProgress']);
  const { signal, timeout, transfer, onProgress } = options;
  if (signal !== undefined && typeof (signal as Partial<AbortSignal> | null)?.addEventListener !== 'function') {
    throw badParams('signal', `must be an AbortSignal, got ${show(signal)}`);
  }
  if (timeout !== undefined) delay('timeout', timeout);
  if (onProgress !== undefined && typeof onProgress !== 'function') throw badParams('onProgress', `must be a function, got ${show(onProgress)}`);
  if (transfer !== undefined) {
    if (!Array.isArray(transfer)) throw badParams('transfer', `must be a list of ArrayBuffers, got ${show(transfer)}`);
    transfer.forEach((buffer, index) => {
      if (!(buffer instanceof ArrayBuffer)) throw badParams(`transfer[${index}]`, `must be an ArrayBuffer, got ${show(buffer)}`);
    });
  }
  return options;
}

function onlyKeys(options: object, known: readonly string[]): void {
  object('options', options);
  for (const key of Object.keys(options)) {
    if (!known.includes(key)) throw badParams(key, `is not an option; the options are ${known.join(', ')}`);
  }
}

function object(field: string, value: unknown): void {
  if (typeof value !== 'object' || value === null) throw badParams(field, `must be an object, got ${show(value)}`);
}

function oneOf(field: string, value: unknown, choices: readonly string[]): void {
  if (!choices.includes(value as string)) throw badParams(field, `must be one of ${choices.join(', ')}, got ${show(value)}`);
}

function integer(field: string, value: unknown, least: number, most: number, unit = ''): void {
  if (!Number.isInteger(value) || (value as number) < least || (value as number) > most) {
    throw badParams(field, `must be a whole number from ${least} to ${most}${unit && ` ${unit}`}, got ${show(value)}`);
  }
}

function delay(field: string, value: unknown): void {
  if (typeof value !== 'number' || !(value > 0) || value > MAX_DELAY_MS) {
    throw badParams(field, `must be above 0 and at most ${MAX_DELAY_MS} ms, got ${show(value)}`);
  }
}

/** A value as it reads in an error. */
export function show(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value);
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'a list' : `a ${value.constructor?.name ?? 'object'}`;
  return typeof value === 'function' ? 'a function' : String(value);
}
