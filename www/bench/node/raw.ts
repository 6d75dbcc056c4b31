// Bare messages, in Node: workers that answer each with what is in it. One message a job, as a pool must; what is cheapest without a host.
import { Worker } from 'node:worker_threads';

export class RawWorkers {
  readonly #waiting = new Map<number, (data: unknown) => void>();
  readonly #workers: Worker[];
  #last = 0;

  constructor(count: number) {
    const script = `const { parentPort } = require('node:worker_threads'); parentPort.on('message', (message) => parentPort.postMessage(message));`;
    this.#workers = Array.from({ length: count }, () => new Worker(script, { eval: true }));
    for (const worker of this.#workers) {
      worker.on('message', (message: number | { id: number; data: unknown }) => {
        const { id, data } = typeof message === 'number' ? { id: message, data: undefined } : message;
        this.#waiting.get(id)?.(data);
        this.#waiting.delete(id);
      });
    }
  }

  run(data?: unknown): Promise<unknown> {
    return new Promise((resolve) => {
      this.#last += 1;
      this.#waiting.set(this.#last, resolve);
      this.#workers[this.#last % this.#workers.length]!.postMessage(data === undefined ? this.#last : { id: this.#last, data });
    });
  }

  async close(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }
}
