// worker.js: a Web Worker (browsers, Deno, Bun).
import type { Message, ToWorker } from '../shared/protocol.ts';
import { serve } from '../worker/worker.ts';

serve({
  post: (message, transfer = []) => self.postMessage(message, { transfer }),
  onMessage: (listener) => self.addEventListener('message', (event: MessageEvent<Message<ToWorker>>) => listener(event.data)),
});
