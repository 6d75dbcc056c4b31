// The other side of a queue: a worker that lives as long as who started it.
import { startWorker } from '../../target/faults/queue-worker.js';

const [redis] = process.argv.slice(2);
// Its grace is its own: a kernel that never checks holds it for so long.
const worker = await startWorker({ redis, lock: 2000, concurrency: 3, host: { threads: 3, concurrency: 3, grace: 2000, maxMemory: 2 ** 28 } });
process.once('disconnect', async () => {
  await worker.close(1000);
  process.exit(0);
});
process.send('ready');
