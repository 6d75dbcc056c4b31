// The server's first process: starts the others on one port, replaces those that die, and restarts or ends them all when it is told to.
import cluster, { type Worker } from 'node:cluster';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { FailedError } from '../formats/errors.ts';
import { Door } from './door.ts';
import { loadLibraries } from './libraries.ts';
import { listenReason } from './listen.ts';
import type { ServeOptions } from './options.ts';
import type { FromProcess, ToProcess } from './protocol.ts';

/** A process that served so long was sound: the next one starts at once. */
const SOUND_MS = 1000;
/** The wait after the first that was not. It doubles with each that follows, */
const FIRST_WAIT_MS = 100;
/** up to here. */
const LONGEST_WAIT_MS = 5000;
/** A process gets so long to start. */
const START_MS = 60_000;
/** Beyond the drain, before it is ended by force. */
const END_MS = 5000;

/** A server that runs. */
export interface RunningServer {
  readonly url: string;
  /** Settles when it has ended; rejects when it could not go on. */
  readonly ended: Promise<void>;
  /** Answers what has come, and ends. */
  stop(): Promise<void>;
  /** Restarts one process after the other. */
  reload(): Promise<void>;
}

/** What is told of the server's life. */
export type ServerLog = (event: Record<string, unknown> & { msg: string; level: 'info' | 'warn' | 'error' }) => void;

/**
 * Starts the processes, and resolves when all of them serve.
 *
 * @throws FailedError when one cannot start
 */
export async function startServer(options: ServeOptions, log: ServerLog): Promise<RunningServer> {
  const { prometheus } = await loadLibraries();
  const door = new Door();
  const port = await door.open(options.host, options.port).catch((error: NodeJS.ErrnoException) => {
    throw new FailedError(`cannot listen at ${options.host}:${options.port}: ${listenReason(error.code, error.message)}`, { cause: error });
  });
  const folder = await mkdtemp(join(tmpdir(), 'loomwork-'));
  cluster.setupPrimary({ exec: fileURLToPath(new URL('./server.js', import.meta.url)), args: [], execArgv: [], silent: false });
  const primary = new Primary({ ...options, port }, door, folder, log, new prometheus.AggregatorRegistry());
  try {
    await primary.open();
  } catch (thrown) {
    await primary.stop();
    throw thrown;
  }
  return primary;
}

class Primary implements RunningServer {
  readonly ended: Promise<void>;
  #end!: () => void;
  readonly #options: ServeOptions;
  readonly #door: Door;
  readonly #folder: string;
  readonly #log: ServerLog;
  readonly #registry: import('prom-client').AggregatorRegistry<import('prom-client').PrometheusContentType>;
  /** Those that serve, or are about to, by their place. */
  readonly #places: (Worker | undefined)[];
  /** Starts under way, by place. */
  readonly #starts: (Promise<void> | undefined)[];
  /** What each place last waited before a start. */
  readonly #waited: number[];
  /** Those whose place another has taken. */
  readonly #retired = new Set<Worker>();
  #stopping = false;
  #reloading: Promise<void> = Promise.resolve();
  readonly #timers = new Set<ReturnType<typeof setTimeout>>();

  constructor(options: ServeOptions, door: Door, folder: string, log: ServerLog, registry: import('prom-client').AggregatorRegistry<import('prom-client').PrometheusContentType>) {
    this.#options = options;
    this.#door = door;
    this.#folder = folder;
    this.#log = log;
    this.#registry = registry;
    this.#places = Array.from({ length: options.processes }, () => undefined);
    this.#starts = this.#places.map(() => undefined);
    this.#waited = this.#places.map(() => 0);
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  get url(): string {
    const { host, port } = this.#options;
    return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
  }

  async open(): Promise<void> {
    await Promise.all(this.#places.map((_, index) => this.#start(index)));
  }

  async stop(): Promise<void> {
    if (this.#stopping) return this.ended;
    this.#stopping = true;
    this.#door.close();
    for (const timer of this.#timers) clearTimeout(timer);
    const all = [...this.#places.filter((worker) => worker !== undefined), ...this.#retired];
    await Promise.all([...all.map((worker) => this.#stopOne(worker, 'end')), Promise.allSettled(this.#starts)]);
    await rm(this.#folder, { recursive: true, force: true });
    this.#end();
  }

  reload(): Promise<void> {
    this.#reloading = this.#reloading.then(async () => {
      for (const index of this.#places.keys()) {
        if (this.#stopping) return;
        const old = this.#places[index];
        await this.#start(index);
        if (!old || this.#stopping) continue;
        this.#retired.add(old);
        this.#door.remove(old);
        this.#send(old, { loomwork: 'stop', why: 'reload' });
        await this.#drained(old);
      }
      this.#log({ level: 'info', msg: 'all processes were restarted' });
    });
    this.#reloading = this.#reloading.catch((thrown: unknown) => {
      this.#log({ level: 'error', msg: `the restart has stopped, the old processes go on: ${(thrown as Error).message}` });
    });
    return this.#reloading;
  }

  /** Starts a process in a place, unless one starts there already; resolves when it serves. */
  #start(index: number): Promise<void> {
    return (this.#starts[index] ??= this.#startNew(index).finally(() => {
      this.#starts[index] = undefined;
    }));
  }

  async #startNew(index: number): Promise<void> {
    const worker = cluster.fork();
    try {
      await this.#ready(worker);
    } catch (thrown) {
      worker.process.kill('SIGKILL');
      throw thrown;
    }
    if (this.#stopping) return this.#stopOne(worker, 'end');
    this.#places[index] = worker;
    const began = Date.now();
    worker.on('message', (message: FromProcess) => {
      if (message?.loomwork === 'metrics') void this.#tellMetrics(worker, message.id);
    });
    if (worker.isDead()) return this.#lose(index, worker, began, 'ended at once');
    worker.once('exit', (code, signal) => this.#lose(index, worker, began, signal ? `ended by ${signal}` : `ended with code ${code}`));
    this.#door.add(worker);
    this.#log({ level: 'info', msg: 'a process serves', process: worker.id, pid: worker.process.pid });
  }

  #ready(worker: Worker): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => end(new FailedError(`a process of the server did not start within ${START_MS} ms`)), START_MS);
      const end = (error?: Error) => {
        clearTimeout(timer);
        worker.off('message', hear);
        worker.off('exit', exit);
        if (error) reject(error);
        else resolve();
      };
      const hear = (message: FromProcess) => {
        if (message?.loomwork === 'hello') this.#send(worker, { loomwork: 'open', options: this.#options, folder: this.#folder });
        if (message?.loomwork === 'failed') end(new FailedError(message.message));
        if (message?.loomwork === 'ready') end();
      };
      const exit = (code: number, signal: string) => end(new FailedError(`a process of the server ended while it started (${signal || `code ${code}`})`));
      worker.on('message', hear);
      worker.on('exit', exit);
    });
  }

  #lose(index: number, worker: Worker, began: number, how: string): void {
    if (this.#retired.delete(worker) || this.#stopping || this.#places[index] !== worker) return;
    this.#places[index] = undefined;
    const wait = this.#nextWait(index, Date.now() - began);
    this.#log({ level: 'error', msg: `a process was lost: ${how}`, process: worker.id, pid: worker.process.pid, wait });
    this.#startAgain(index, wait);
  }

  /** Milliseconds before the next start in a place whose process has served so long. */
  #nextWait(index: number, served: number): number {
    const wait = served >= SOUND_MS ? 0 : Math.min(LONGEST_WAIT_MS, Math.max(FIRST_WAIT_MS, this.#waited[index]! * 2));
    this.#waited[index] = wait;
    return wait;
  }

  #startAgain(index: number, wait: number): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      if (this.#stopping || this.#places[index]) return;
      this.#start(index).catch((thrown: unknown) => {
        if (this.#stopping) return;
        const next = this.#nextWait(index, 0);
        this.#log({ level: 'error', msg: `a process could not be started, the next try is in ${next} ms: ${(thrown as Error).message}` });
        this.#startAgain(index, next);
      });
    }, wait);
    this.#timers.add(timer);
  }

  /** Resolves when a process has answered all of its requests, or is gone, or took too long. */
  #drained(worker: Worker): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(done, this.#options.drain + END_MS);
      worker.on('message', hear);
      worker.once('exit', done);
      if (worker.isDead()) done();
      function hear(message: FromProcess): void {
        if (message?.loomwork === 'drained') done();
      }
      function done(): void {
        clearTimeout(timer);
        worker.off('message', hear);
        worker.off('exit', done);
        resolve();
      }
    });
  }

  async #stopOne(worker: Worker, why: 'end'): Promise<void> {
    if (worker.isDead()) return;
    const exited = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
    this.#send(worker, { loomwork: 'stop', why });
    const timer = setTimeout(() => worker.process.kill('SIGKILL'), this.#options.drain + END_MS);
    await exited;
    clearTimeout(timer);
  }

  async #tellMetrics(worker: Worker, id: number): Promise<void> {
    try {
      this.#send(worker, { loomwork: 'metrics', id, text: await this.#registry.clusterMetrics() });
    } catch (thrown) {
      this.#send(worker, { loomwork: 'metrics', id, error: (thrown as Error).message });
    }
  }

  #send(worker: Worker, message: ToProcess): void {
    if (worker.isConnected()) worker.send(message, undefined, () => {});
  }
}
