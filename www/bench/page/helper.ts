// The page's side of its helper worker. What was asked fails when it is ended.
import type { Reply, Request } from './worker.ts';

type Asked = Request extends infer R ? (R extends Request ? Omit<R, 'id'> : never) : never;

export class Helper {
  readonly #worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module' });
  readonly #waiting = new Map<number, { resolve: (reply: Reply) => void; reject: (error: Error) => void }>();
  #last = 0;
  #closed: Error | undefined;

  constructor() {
    this.#worker.addEventListener('message', ({ data }: MessageEvent<Reply>) => {
      const waiting = this.#waiting.get(data.id);
      this.#waiting.delete(data.id);
      if ('error' in data) waiting?.reject(new Error(data.error));
      else waiting?.resolve(data);
    });
    this.#worker.addEventListener('error', (event) => this.#failAll(new Error(`the helper worker failed: ${event.message || 'worker.js could not be loaded'}`)));
  }

  ask<R extends Reply>(request: Asked): Promise<R> {
    if (this.#closed) return Promise.reject(this.#closed);
    this.#last += 1;
    const id = this.#last;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve: resolve as (reply: Reply) => void, reject });
      this.#worker.postMessage({ ...request, id });
    });
  }

  close(reason = new Error('ended')): void {
    this.#closed ??= reason;
    this.#worker.terminate();
    this.#failAll(reason);
  }

  #failAll(error: Error): void {
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }
}
