// A worker of `js-workers`: takes blocks of the work until there are none.
import { parentPort, workerData } from 'node:worker_threads';

const code = await import(workerData.url);

parentPort.on('message', ({ name, args, next, block, count }) => {
  try {
    for (let first = 0; (first = Atomics.add(next, 0, block)) < count; ) code[name](...args, first, Math.min(count, first + block));
    parentPort.postMessage({});
  } catch (error) {
    parentPort.postMessage({ error: error.stack });
  }
});
