// What a caller may ask of a host and of a job, with every value checked before anything starts.
import { badParams } from '../shared/errors.ts';
import type { Assets } from '../runtime/assets.ts';
import type { Artifact } from '../shared/artifact.ts';
import { checkQueueOptions, type CheckedQueueOptions, type QueueOptions } from '../../queue/options.ts';

/** Where a host's kernels run. */
export type Backend = 'threads' | 'workers' | 'inline' | 'process' | 'queue';

/** Options of {@link createHost}. */
export interface HostOptions {
  /**
   * Where kernels run: on shared-memory `threads`, on single-threaded `workers`, or `inline` on the caller's own thread, which
   * blocks it. `auto` takes the best that the place allows; `host.why` tells why. `process` (Node) runs a host in each of several child
   * processes: what kills one costs no more than its jobs' time. `queue` (Node) sends jobs through Redis to workers on any number of machines.
   *
   * @default 'auto'
   */
  backend?: 'auto' | Backend;
  /**
   * Threads of the `threads` backend, workers of the `workers` backend, threads of all processes of the `process` backend.
   *
   * @default 'auto', one per core
   */
  threads?: number | 'auto';
  /**
   * Child processes of the `process` backend, 1 to 64; `threads` are shared out among them.
   *
   * @default one for four cores, at least 2
   */
  processes?: number;
  /**
   * Bytes of memory in use at which a child process is ended, its jobs to run again in another. Its instance's memory alone is bounded by
   * `maxMemory`.
   *
   * @default none
   */
  maxProcessMemory?: number;
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
   * Jobs that run at once, 1 to 64; the others wait. Each has threads of its own: the first as many as the host has, the second half as
   * many, and so on; they are started when they are first needed. With `workers`, the number of workers.
   *
   * @default the number of threads, 2 to 8
   */
  concurrency?: number;
  /**
   * Jobs that may wait. One more fails with `QUEUE_FULL`; `await host.ready()` waits for a place.
   *
   * @default Infinity
   */
  maxQueue?: number;
  /**
   * Milliseconds of waiting that are worth one step of `priority`, so that nobody waits for ever.
   *
   * @default 500
   */
  aging?: number;
  /**
   * Milliseconds that a cancelled kernel has to stop before its instance is ended by force; jobs beside it run again.
   *
   * @default 1000
   */
  grace?: number;
  /**
   * Microseconds for which an idle host looks for the next small job, or its end, before it sleeps. 0 to save power: small jobs then
   * take the time of a wake-up, some tens of microseconds.
   *
   * @default 50
   */
  spin?: number;
  /**
   * Milliseconds for which the `inline` backend may hold the event loop before it lets other things happen.
   *
   * @default 8
   */
  slice?: number;
  /**
   * Jobs of which `host.trace()` tells; the oldest are forgotten.
   *
   * @default 10000
   */
  traceJobs?: number;
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
  /** The queue of the `queue` backend. */
  queue?: QueueOptions;
  /** Where the package's files lie, when they are not beside its JavaScript. */
  assets?: Assets;
}

/** Options of {@link Host.run}. */
export interface RunOptions {
  /** Aborting it stops the job; the job rejects with `signal.reason`. */
  signal?: AbortSignal;
  /** Milliseconds from now after which the job fails with a `TimeoutError`. */
  timeout?: number;
  /** Buffers of the params to give away: they are empty at once, as with `postMessage`, and whatever is done to them does not reach the job. */
  transfer?: readonly ArrayBuffer[];
  /**
   * Higher runs first, from -100 to 100; jobs of one priority in order, callers in turn.
   *
   * @default 0
   */
  priority?: number;
  /**
   * Who asks, for fairness: callers of one priority take turns, however many jobs each has waiting.
   *
   * @default ''
   */
  caller?: string;
  /**
   * `copy`: the output is the caller's. `shared`: its arrays lie in the instance's memory, without a copy, until `job.release()`; where
   * memory is not shared they are copies all the same.
   *
   * @default 'copy'
   */
  output?: 'copy' | 'shared';
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
  processes: number | undefined;
  maxProcessMemory: number | undefined;
  artifact: 'auto' | Artifact;
  maxMemory: number;
  concurrency: number | undefined;
  maxQueue: number;
  aging: number;
  grace: number;
  spin: number;
  slice: number;
  traceJobs: number;
  timeout: number | undefined;
  startTimeout: number;
  queue: CheckedQueueOptions | undefined;
  assets: Assets;
}

const GIB = 2 ** 30;
/** Threads that a host can have. */
export const MAX_THREADS = 256;
/** Timers take no longer delays. */
const MAX_DELAY_MS = 2 ** 31 - 1;

const HOST_OPTIONS = [
  'backend', 'threads', 'processes', 'artifact', 'maxMemory', 'maxProcessMemory', 'concurrency', 'maxQueue', 'aging', 'grace', 'spin', 'slice', 'traceJobs',
  'timeout', 'startTimeout', 'queue', 'assets',
];
const RUN_OPTIONS = ['signal', 'timeout', 'priority', 'caller', 'transfer', 'output', 'onProgress'];

/** @throws LoomworkError BAD_PARAMS naming the option */
export function checkHostOptions(options: HostOptions = {}): CheckedHostOptions {
  onlyKeys(options, HOST_OPTIONS);
  const { backend = 'auto', threads = 'auto', artifact = 'auto', maxMemory = 2 * GIB, concurrency, maxQueue = Infinity, assets = {} } = options;
  const { aging = 500, grace = 1000, spin = 50, slice = 8, traceJobs = 10_000, timeout, startTimeout = 30_000, processes, maxProcessMemory } = options;
  oneOf('backend', backend, ['auto', 'threads', 'workers', 'inline', 'process', 'queue']);
  oneOf('artifact', artifact, ['auto', 'threads', 'simd', 'baseline']);
  if (threads !== 'auto') checkThreads(threads);
  if (processes !== undefined) integer('processes', processes, 1, 64);
  if (maxProcessMemory !== undefined) integer('maxProcessMemory', maxProcessMemory, 2 ** 26, Number.MAX_SAFE_INTEGER, 'bytes');
  integer('maxMemory', maxMemory, 2 ** 24, 4 * GIB, 'bytes');
  if (concurrency !== undefined) integer('concurrency', concurrency, 1, 64);
  if (maxQueue !== Infinity) integer('maxQueue', maxQueue, 0, Number.MAX_SAFE_INTEGER, 'or Infinity');
  delay('aging', aging);
  delay('grace', grace);
  integer('spin', spin, 0, 1000, 'µs');
  delay('slice', slice);
  integer('traceJobs', traceJobs, 0, 1_000_000);
  if (timeout !== undefined) delay('timeout', timeout);
  delay('startTimeout', startTimeout);
  checkAssets(assets);
  const queue = backend === 'queue' ? checkQueueOptions(options.queue) : undefined;
  return { backend, threads, processes, maxProcessMemory, artifact, maxMemory, concurrency, maxQueue, aging, grace, spin, slice, traceJobs, timeout, startTimeout, queue, assets };
}

/** @throws LoomworkError BAD_PARAMS */
export function checkThreads(threads: unknown): asserts threads is number {
  integer('threads', threads, 1, MAX_THREADS, 'or "auto"');
}

/** @throws LoomworkError BAD_PARAMS naming the option */
export function checkRunOptions(options: RunOptions): RunOptions {
  onlyKeys(options, RUN_OPTIONS);
  const { priority, caller, output } = options;
  if (priority !== undefined && !(typeof priority === 'number' && priority >= -100 && priority <= 100)) {
    throw badParams('priority', `must be a number from -100 to 100, got ${show(priority)}`);
  }
  if (caller !== undefined && typeof caller !== 'string') throw badParams('caller', `must be text, got ${show(caller)}`);
  if (output !== undefined) oneOf('output', output, ['copy', 'shared']);
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

function checkAssets(assets: unknown): void {
  object('assets', assets);
  const { worker, process, wasm = {} } = assets as Assets;
  const address = (value: unknown) => value === undefined || typeof value === 'string' || value instanceof URL;
  if (!address(worker)) throw badParams('assets.worker', `must be a URL or a path, got ${show(worker)}`);
  if (!address(process)) throw badParams('assets.process', `must be a URL or a path, got ${show(process)}`);
  object('assets.wasm', wasm);
  for (const [artifact, value] of Object.entries(wasm)) {
    if (!address(value) && !(value instanceof WebAssembly.Module)) throw badParams(`assets.wasm.${artifact}`, `must be a URL, a path or a WebAssembly.Module, got ${show(value)}`);
  }
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
  try {
    return shown(value);
  } catch {
    return 'something that cannot be shown';
  }
}

function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value);
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'a list' : `a ${value.constructor?.name ?? 'object'}`;
  return typeof value === 'function' ? 'a function' : String(value);
}
