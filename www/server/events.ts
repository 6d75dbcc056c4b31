// Server-sent events of a job: its progress, its parts, and its end.
import type { ServerResponse } from 'node:http';
import type { FastifyReply } from 'fastify';
import { jsonText } from '../formats/json.ts';
import type { Job } from '../host/entry/node.ts';
import { problemOf } from './problem.ts';

/** How often progress is told. */
const PROGRESS_MS = 100;
/** Proxies end connections on which nothing comes for long. */
const HEARTBEAT_MS = 15_000;
/** A client that reads slower than parts come is let go at so many bytes. */
const MOST_WAITING = 64 * 2 ** 20;

/** An open stream of events. */
export class EventStream {
  readonly #response: ServerResponse;
  #closed = false;

  /** @param onHangUp called when the client is gone before the end */
  constructor(reply: FastifyReply, onHangUp: () => void) {
    const headers = { ...reply.getHeaders(), 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-store', 'x-accel-buffering': 'no' };
    void reply.hijack();
    this.#response = reply.raw;
    this.#response.writeHead(200, headers as Record<string, string>);
    this.#response.flushHeaders();
    this.#response.on('close', () => {
      if (!this.#closed) onHangUp();
      this.#closed = true;
    });
  }

  get closed(): boolean {
    return this.#closed;
  }

  send(event: string, data: unknown): void {
    if (this.#closed) return;
    this.#response.write(`event: ${event}\ndata: ${jsonText(data)}\n\n`);
    if (this.#response.writableLength > MOST_WAITING) this.#response.destroy();
  }

  end(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#response.end();
  }

  /** Tells of a job until it ends and all of its parts are told, or the client is gone. The answer comes with the event `done` where `withOutput`. */
  async follow(job: Job, parts: Promise<void> | undefined, withOutput: boolean): Promise<void> {
    let told = -1;
    const progress = setInterval(() => {
      const { done, total, fraction } = job.progress;
      if (done === told || total === 0) return;
      told = done;
      this.send('progress', { done, total, fraction });
    }, PROGRESS_MS);
    const heartbeat = setInterval(() => {
      if (!this.#closed) this.#response.write(': \n\n');
    }, HEARTBEAT_MS);
    const hungUp = new Promise<void>((resolve) => this.#response.once('close', () => resolve()));
    try {
      const output = await Promise.race([job, hungUp]);
      await Promise.race([parts, hungUp]);
      if (this.#closed) return;
      this.send('progress', job.progress);
      this.send('done', withOutput ? (output ?? {}) : { state: job.state });
    } catch (thrown) {
      const { problem } = problemOf(thrown);
      this.send(problem.code === 'CANCELLED' ? 'cancelled' : 'failed', problem);
    } finally {
      clearInterval(progress);
      clearInterval(heartbeat);
      this.end();
    }
  }
}
