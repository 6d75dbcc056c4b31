// The other side of a queue: a worker, of the package that the queue is named for, that lives as long as who started it.
const [redis, name] = process.argv.slice(2);
const { startWorker } = await import({ faults: '../../target/faults/queue-worker.js', published: '../../pkg/queue-worker.js' }[name]);
// Its grace is its own: a kernel that never checks holds it for so long.
const worker = await startWorker({ redis, name, lock: 2000, concurrency: 3, host: { threads: 3, concurrency: 3, grace: 2000, maxMemory: 2 ** 28 } });
process.once('disconnect', async () => {
  await worker.close(1000);
  process.exit(0);
});
process.send('ready');
