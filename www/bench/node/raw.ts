// Bare messages, in Node: workers that answer each with its number. One message a job, as a pool must; what is cheapest without a host.
import { Worker } from 'node:worker_threads';

export class RawWorkers {
  readonly #waiting = new Map<number, () => void>();
  readonly #workers: Worker[];
  #last = 0;

  constructor(count: number) {
    const script = `const { parentPort } = require('node:worker_threads'); parentPort.on('message', (id) => parentPort.postMessage(id));`;
    this.#workers = Array.from({ length: count }, () => new Worker(script, { eval: true }));
    for (const worker of this.#workers) {
      worker.on('message', (id: number) => {
        this.#waiting.get(id)?.();
        this.#waiting.delete(id);
      });
    }
  }

  run(): Promise<void> {
    return new Promise((resolve) => {
      this.#last += 1;
      this.#waiting.set(this.#last, resolve);
      this.#workers[this.#last % this.#workers.length]!.postMessage(this.#last);
    });
  }

  async close(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }
}
