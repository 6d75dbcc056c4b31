// The bare worker of `raw`: answers each message with its number.
import { parentPort } from 'node:worker_threads';

parentPort.on('message', (id) => parentPort.postMessage(id));
