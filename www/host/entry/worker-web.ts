// worker.js: a Web Worker (browsers, Deno, Bun).
import type { Message, ToWorker } from '../shared/protocol.ts';
import { serve } from '../worker/worker.ts';

/**
 * A worker that dies without a word (ended from elsewhere, out of memory) raises no event. But it lets go of its locks: so each holds one, of its
 * name, before it does anything else, and its owner waits for it.
 */
const held = new Promise<void>((resolve) => {
  if (!self.navigator?.locks || !self.name) return resolve();
  const forEver = () => {
    self.postMessage({ type: 'alive' });
    resolve();
    return new Promise<never>(() => {});
  };
  // Where locks are denied (an opaque origin) workers are not watched.
  self.navigator.locks.request(self.name, forEver).catch(() => resolve());
});

// Firefox does not let a worker read a message with a module in it that it may not run.
self.addEventListener('messageerror', () => {
  const message = "a message to the worker could not be read: a Content-Security-Policy of worker.js needs script-src 'wasm-unsafe-eval'";
  self.postMessage({ type: 'lost', message });
});

serve({
  post: (message, transfer = []) => self.postMessage(message, { transfer }),
  onMessage: (listener) =>
    self.addEventListener('message', (event: MessageEvent<Message<ToWorker>>) => {
      void held.then(() => listener(event.data));
    }),
});
