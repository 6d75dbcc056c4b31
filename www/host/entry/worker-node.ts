// worker.node.js: a thread of node:worker_threads.
import { parentPort } from 'node:worker_threads';
import type { Message, ToWorker } from '../shared/protocol.ts';
import { serve } from '../worker/worker.ts';

const port = parentPort;
if (!port) throw new Error('worker.node.js is started by a Loomwork host, not by hand');
serve({
  post: (message, transfer = []) => port.postMessage(message, transfer),
  onMessage: (listener) => port.on('message', (message: Message<ToWorker>) => listener(message)),
});
