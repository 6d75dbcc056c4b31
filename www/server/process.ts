// One process of the server: a host, and HTTP before it. It ends when it is told to, and when the primary is gone.
import cluster from 'node:cluster';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyInstance } from 'fastify';
import { Catalogue } from '../formats/catalogue.ts';
import type { AnyHost } from '../formats/images.ts';
import { createHost } from '../host/entry/node.ts';
import { Admission, Turns } from './admission.ts';
import { KEEP_ALIVE_MS, makeApp } from './app.ts';
import { loadLibraries } from './libraries.ts';
import { Metrics } from './metrics.ts';
import type { ServeOptions } from './options.ts';
import type { FromProcess, ToProcess } from './protocol.ts';
import { socketOf } from './relay.ts';
import { JobStore } from './store.ts';

/** The primary adds up all processes' metrics for no longer than this. */
const METRICS_MS = 6000;
/** Connections on which nothing comes are waited for so long: a request may be on its way. */
const IDLE_MS = 500;
/** How often it is seen whether all requests are answered. */
const DRAIN_STEP_MS = 20;

/** Serves until the primary says otherwise. */
export function serveProcess(): void {
  const number = String(cluster.worker!.id);
  let running: ServerProcess | undefined;
  process.on('message', (message: ToProcess, socket?: Socket) => {
    if (message.loomwork === 'open') {
      ServerProcess.start(number, message.options, message.folder).then(
        (started) => {
          running = started;
        },
        (thrown: unknown) => {
          tell({ loomwork: 'failed', message: thrown instanceof Error ? thrown.message : String(thrown) });
        },
      );
    } else if (message.loomwork === 'connection') {
      tell({ loomwork: 'took', id: message.id });
      // A client that has gone meanwhile leaves none.
      if (socket) running?.take(socket);
    } else if (message.loomwork === 'stop') {
      if (running) void running.stop(message.why);
      else process.exit(0);
    } else if (message.loomwork === 'metrics') running?.takeMetrics(message);
  });
  tell({ loomwork: 'hello' });
  process.on('disconnect', () => process.exit(0));
  // The primary decides when its processes end: a Ctrl-C on the terminal reaches all of them.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});
}

function tell(message: FromProcess): void {
  if (process.connected) process.send!(message);
}

class ServerProcess {
  readonly #options: ServeOptions;
  readonly #host: AnyHost;
  readonly #app: FastifyInstance;
  readonly #store: JobStore;
  /** Of clients. */
  readonly #connections = new Set<Socket>();
  #stopping = false;
  /** Under way. */
  readonly #requests = { ofClients: 0, passedOn: 0 };
  #asked = 0;
  readonly #waiting = new Map<number, (message: { text?: string; error?: string }) => void>();

  static async start(number: string, options: ServeOptions, folder: string): Promise<ServerProcess> {
    const libraries = await loadLibraries();
    const catalogue = await Catalogue.load();
    const { threads, maxQueue } = options;
    // A small job does not wait behind a large one, in a process of one thread neither.
    const concurrency = Math.min(8, Math.max(2, threads));
    // A thread that looks out for the next job takes the core from HTTP, which takes ten times as long as to wake it.
    const host = (await createHost({ threads, concurrency, spin: 0 })) as unknown as AnyHost;
    const admission = new Admission(concurrency, maxQueue);
    const turns = new Turns(concurrency);
    const store = new JobStore(number, options.kept);
    const metrics = new Metrics(libraries.prometheus, host);
    let started: ServerProcess | undefined;
    const app = await makeApp(libraries, { options, host, admission, turns, catalogue, store, metrics, folder, allMetrics: () => started!.#metrics(), stopping: () => started !== undefined && started.#stopping });
    await app.ready();
    started = new ServerProcess(options, host, app, store);
    // For what other processes pass on: clients' connections come from the primary.
    await app.listen({ path: socketOf(folder, number), exclusive: true });
    tell({ loomwork: 'ready' });
    return started;
  }

  private constructor(options: ServeOptions, host: AnyHost, app: FastifyInstance, store: JobStore) {
    this.#options = options;
    this.#host = host;
    this.#app = app;
    this.#store = store;
    app.server.on('request', ({ socket }, response) => {
      const from = this.#connections.has(socket) ? 'ofClients' : 'passedOn';
      this.#requests[from] += 1;
      response.once('close', () => {
        this.#requests[from] -= 1;
      });
    });
    host.on('crash', ({ reason }) => app.log.warn({ reason }, 'an instance was lost'));
    host.on('restart', ({ milliseconds }) => app.log.info({ milliseconds }, 'another instance took its place'));
  }

  /** Serves a client's connection. */
  take(socket: Socket): void {
    // A client may end its side before it has its answer.
    socket.allowHalfOpen = true;
    this.#connections.add(socket);
    socket.once('close', () => this.#connections.delete(socket));
    this.#app.server.emit('connection', socket);
    socket.resume();
  }

  /** Answers what has come, and ends. */
  async stop(why: 'end' | 'reload'): Promise<void> {
    if (this.#stopping) return;
    const begun = Date.now();
    const until = begun + this.#options.drain;
    // The primary sends no more connections; those that are open get `connection: close` with their next answer.
    this.#stopping = why === 'end';
    this.#lettingGo();
    const idle = begun + (why === 'end' ? IDLE_MS : KEEP_ALIVE_MS + IDLE_MS);
    // What other processes pass on, after a restart too, is about jobs that are kept here.
    const requests = () => this.#requests.ofClients + (why === 'end' ? this.#requests.passedOn : 0);
    while (Date.now() < until && (requests() > 0 || (Date.now() < idle && this.#connections.size > 0))) await sleep(DRAIN_STEP_MS);
    tell({ loomwork: 'drained' });
    if (why === 'end') while (this.#store.running > 0 && Date.now() < until) await sleep(DRAIN_STEP_MS);
    else {
      const last = Date.now() + this.#options.kept.time;
      while (this.#store.size > 0 && Date.now() < last && process.connected) await sleep(1000);
    }
    this.#stopping = true;
    this.#store.close();
    this.#app.server.closeAllConnections();
    await Promise.race([this.#host.close(), sleep(2000)]);
    process.exit(0);
  }

  /** The next answer on a connection is its last. */
  #lettingGo(): void {
    this.#app.server.on('request', (_, response) => {
      if (!response.headersSent) response.setHeader('connection', 'close');
    });
  }

  #metrics(): Promise<string> {
    const id = (this.#asked += 1);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => done({ error: `no answer from the primary within ${METRICS_MS} ms` }), METRICS_MS);
      const done = ({ text, error }: { text?: string; error?: string }) => {
        clearTimeout(timer);
        this.#waiting.delete(id);
        if (text === undefined) reject(new Error(error));
        else resolve(text);
      };
      this.#waiting.set(id, done);
      tell({ loomwork: 'metrics', id });
    });
  }

  takeMetrics({ id, ...answer }: { id: number; text?: string; error?: string }): void {
    this.#waiting.get(id)?.(answer);
  }
}
