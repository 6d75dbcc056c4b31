// A child process: a host that runs what its parent sends. It ends when it is told to, when it uses too much memory, and when the parent is gone.
import type { Duplex } from 'node:stream';
import { openPackedHost, type LocalHost } from '../main/host.ts';
import type { HostJob } from '../main/host-job.ts';
import { failureOf } from '../main/failure.ts';
import type { Runtime } from '../runtime/runtime.ts';
import type { Message, Packed, PackedArray } from '../shared/protocol.ts';
import { Carrier } from './carry.ts';
import { childsEnd } from './pipe.ts';
import type { FromChild, ToChild } from './protocol.ts';

/** How often progress is told. */
const PROGRESS_MS = 30;
/** How often the memory in use is looked at. */
const MEMORY_MS = 250;

/** A job here, and what was last told of it. */
interface Served {
  job: HostJob;
  told: number;
  began: boolean;
  /** Ends when all of its parts are told. */
  parts?: Promise<void>;
}

/** Serves the parent until one of both ends. */
export function serveParent(runtime: Runtime): void {
  if (!process.send) throw new Error('process.node.js is started by a Loomwork host, not by hand');
  const child = new Child(runtime);
  process.on('message', (messages: Message<ToChild>[]) => {
    for (const message of messages) child.heed(message);
  });
  process.on('disconnect', () => process.exit());
  // The parent decides when its children end: a Ctrl-C on the terminal, or a service manager's word, reaches all of them.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});
}

class Child {
  readonly #runtime: Runtime;
  readonly #pipe: Promise<Duplex | undefined> = childsEnd();
  /** There before any job is. */
  #carrier!: Carrier;
  #host: LocalHost | undefined;
  readonly #jobs = new Map<number, Served>();
  #out: Message<FromChild>[] = [];
  #progress: ReturnType<typeof setInterval> | undefined;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  heed(message: Message<ToChild>): void {
    switch (message.type) {
      case 'open':
        return void this.#open(message);
      case 'run':
        return this.#run(message);
      case 'cancel':
        return this.#jobs.get(message.id)?.job.cancel();
      case 'stream':
        return this.#stream(message.id);
      case 'ping':
        return this.#tell({ type: 'pong' });
      case 'close':
        void this.#close();
    }
  }

  async #open({ options, maxProcessMemory }: ToChild['open']): Promise<void> {
    if (maxProcessMemory > 0) setInterval(() => this.#watchMemory(maxProcessMemory), MEMORY_MS).unref();
    try {
      const host = await openPackedHost(this.#runtime, options);
      host.on('crash', ({ reason }) => this.#tell({ type: 'crashed', reason }));
      this.#host = host;
      const pipe = await this.#pipe;
      // Shared, so that the host's instance reads them without moving them.
      this.#carrier = new Carrier(pipe, (bytes) => new SharedArrayBuffer(bytes));
      this.#tell({ type: 'ready', kernels: [...host.kernels], concurrency: options.concurrency ?? Math.min(8, Math.max(2, host.threads)), piped: pipe !== undefined });
    } catch (thrown) {
      this.#tell({ type: 'failed', error: failureOf(thrown) });
    }
  }

  #run(message: ToChild['run']): void {
    const arrays = this.#carrier.unpack(message.arrays);
    if (arrays instanceof Promise) void arrays.then((there) => this.#start(message, there));
    else this.#start(message, arrays);
  }

  #start({ id, kernel, params, streaming }: ToChild['run'], arrays: PackedArray[]): void {
    const bytes = arrays.reduce((sum, { buffer }) => sum + buffer.byteLength, 0);
    const job = this.#host!.runPacked(kernel, params, { arrays, transfer: [], bytes }, {});
    const served: Served = { job, told: 0, began: false };
    this.#jobs.set(id, served);
    if (streaming) this.#stream(id);
    void this.#answer(id, served);
    this.#progress ??= setInterval(() => this.#tellProgress(), PROGRESS_MS);
  }

  async #answer(id: number, served: Served): Promise<void> {
    const { job } = served;
    let how: Pick<FromChild['end'], 'kind' | 'tree' | 'arrays' | 'error'>;
    try {
      const { tree, arrays } = (await job) as Packed;
      how = { kind: 'done', tree, arrays: this.#carrier.pack(arrays) };
    } catch (thrown) {
      how = job.state === 'cancelled' ? { kind: 'cancelled' } : { kind: 'failed', error: failureOf(thrown) };
    }
    // The parent counts on it that nothing of the job runs here any more.
    if (how.kind !== 'done') await job.stopped;
    await served.parts;
    const { done, total } = job.progress;
    const { queued, running, retries } = job.timing;
    const started = performance.timeOrigin + job.created + queued;
    this.#jobs.delete(id);
    this.#tell({ type: 'end', id, ...how, done, total, started, ended: started + running, retries });
    if (this.#jobs.size > 0) return;
    clearInterval(this.#progress);
    this.#progress = undefined;
  }

  #stream(id: number): void {
    const served = this.#jobs.get(id);
    if (served) served.parts ??= this.#tellParts(id, served.job);
  }

  async #tellParts(id: number, job: HostJob): Promise<void> {
    try {
      for await (const { number, part } of job as AsyncIterable<unknown> as AsyncIterable<{ number: number; part: Packed }>) {
        this.#tell({ type: 'part', id, number, tree: part.tree, arrays: this.#carrier.pack(part.arrays) });
      }
    } catch {
      // Its end says so.
    }
  }

  #tellProgress(): void {
    const jobs: FromChild['progress']['jobs'] = [];
    for (const [id, served] of this.#jobs) {
      const { done, total } = served.job.progress;
      const began = served.job.state === 'running';
      if (done === served.told && began === served.began) continue;
      served.told = done;
      served.began = began;
      jobs.push({ id, done, total, began: began ? performance.timeOrigin + served.job.created + served.job.timing.queued : 0 });
    }
    if (jobs.length > 0) this.#tell({ type: 'progress', jobs });
  }

  /** What is told in one turn of the event loop goes as one message. */
  #tell(message: Message<FromChild>): void {
    this.#out.push(message);
    if (this.#out.length > 1) return;
    setImmediate(() => {
      const messages = this.#out;
      this.#out = [];
      if (process.connected) process.send!(messages);
    });
  }

  #watchMemory(most: number): void {
    const used = process.memoryUsage.rss();
    if (used <= most) return;
    const reason = `it used ${Math.round(used / 2 ** 20)} MiB of memory, more than maxProcessMemory`;
    process.send!([{ type: 'giveUp', reason }], () => process.exit(1));
    setTimeout(() => process.exit(1), MEMORY_MS);
  }

  async #close(): Promise<void> {
    await this.#host?.close();
    await this.#carrier.written;
    setImmediate(() => process.exit());
  }
}
