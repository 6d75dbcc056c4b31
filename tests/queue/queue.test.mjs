// backend 'queue': jobs through a real Redis to worker processes, of which any may die, as may Redis.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { test } from 'node:test';
import { createHost, LoomworkError } from '../../pkg/node.js';
import { digest } from '../bench/digest.mjs';
import { signalAt } from '../cli/signal-at.mjs';
import { naiveMandelbrot } from '../host/mandelbrot.mjs';
import { cases } from '../identical/cases.mjs';
import { Redis, until, Worker } from './support.mjs';

const { Redis: Client } = createRequire(new URL('../../www/package.json', import.meta.url))('ioredis');
const view = { width: 60, height: 40, centerX: -0.5, centerY: 0, span: 3, maxIterations: 200 };
/** Some seconds of work on two cores. */
const long = { width: 1500, height: 1500, centerX: -1.3680989, centerY: 0, span: 0.02, maxIterations: 6000 };
/** Minutes of work, of which some is done every moment. */
const endless = { ...long, width: 8000, height: 8000, span: 1e-7, centerY: 0, maxIterations: 5000 };

async function open(redis, queue = {}, more = {}) {
  const host = await createHost({ backend: 'queue', queue: { redis: redis.url, lock: 1500, ...queue }, ...more });
  redis.users.push(() => host.close());
  return host;
}

async function onOneMachine(t, kernel, params) {
  const host = await createHost({ threads: 2 });
  t.after(() => host.close());
  return digest(await host.run(kernel, params));
}

/** Keys that are left in Redis, but for the queue's own. */
async function arraysIn(redis) {
  const client = new Client(redis.url);
  const found = await client.keys('loomwork:*:array:*');
  client.disconnect();
  return found;
}

test('every kernel gives the same bits as on this machine', { timeout: 120_000 }, async (t) => {
  const redis = await Redis.start(t);
  await Worker.start(redis);
  const host = await open(redis);
  assert.equal(host.backend, 'queue');
  const local = await createHost({ threads: 2 });
  t.after(() => local.close());
  for (const [kernel, make] of cases) {
    const params = await make(local);
    assert.equal(digest(await host.run(kernel, params)), digest(await local.run(kernel, params)), kernel);
  }
  await until(async () => (await arraysIn(redis)).length === 0, 'no array is left in Redis');
});

test('three workers, one killed and Redis killed and restarted while a job runs: the same bits, each shard counted once', { timeout: 120_000 }, async (t) => {
  const redis = await Redis.start(t);
  const workers = [];
  for (let count = 0; count < 3; count += 1) workers.push(await Worker.start(redis, ['--threads', '1', '--concurrency', '1']));
  const host = await open(redis);
  const expected = await onOneMachine(t, 'mandelbrot', long);
  const job = host.run('mandelbrot', long);
  await until(() => workers.some(({ ends }) => ends.length > 0), 'a shard is done');
  workers[0].kill();
  await sleep(100);
  await redis.kill();
  await sleep(700);
  await redis.start();
  assert.equal(digest(await job), expected);
  const done = workers.flatMap(({ ends }) => ends).filter(({ outcome }) => outcome === 'done');
  const shards = new Set(done.map(({ shard }) => shard));
  t.diagnostic(`${shards.size} shards, ${done.length} ends of them told by workers; ${JSON.stringify(workers.map(({ ends }) => ends.length))}`);
  assert.ok(shards.size >= 4);
  assert.equal(host.stats().done, 1);
});

test('two workers share a job out: speed-up over one', { timeout: 120_000 }, async (t) => {
  const redis = await Redis.start(t);
  const times = [];
  for (const count of [1, 2]) {
    await Worker.start(redis, ['--threads', '1', '--concurrency', '1']);
    const host = await open(redis);
    await host.run('mandelbrot', { ...long, width: 300 });
    const begun = performance.now();
    await host.run('mandelbrot', long);
    times.push(performance.now() - begun);
    t.diagnostic(`${count} worker${count === 1 ? '' : 's'} of one thread: ${times.at(-1).toFixed(0)} ms`);
    await host.close();
  }
  t.diagnostic(`speed-up ${(times[0] / times[1]).toFixed(2)}`);
});

test('cancel: running kernels stop on their workers, and what waits is taken out', { timeout: 60_000 }, async (t) => {
  const redis = await Redis.start(t);
  const host = await open(redis);
  // Nobody is there to take it.
  const waiting = host.run('hash', { data: new Uint8Array(10), algorithm: 'sha256' });
  await sleep(300);
  waiting.cancel();
  await assert.rejects(waiting, { name: 'AbortError' });
  await waiting.stopped;
  const worker = await Worker.start(redis);
  const running = host.run('mandelbrot', endless, { timeout: 20_000 });
  await until(() => running.state === 'running' && running.progress.done > 0, 'it runs, and tells how far it is');
  running.cancel();
  await assert.rejects(running, { name: 'AbortError' });
  await running.stopped;
  await until(() => worker.ends.length > 0 && worker.ends.every(({ outcome }) => outcome === 'cancelled'), 'the worker has stopped');
  await assert.rejects(host.run('mandelbrot', endless, { timeout: 500 }), { name: 'TimeoutError' });
  assert.deepEqual((await host.run('mandelbrot', view)).counts, naiveMandelbrot(view));
});

test('parts come across, each once, with progress', { timeout: 60_000 }, async (t) => {
  const redis = await Redis.start(t);
  await Worker.start(redis);
  const host = await open(redis);
  const params = { ...view, width: 640, height: 480, maxIterations: 3000 };
  const counts = new Uint32Array(640 * 480);
  const seen = new Uint8Array(640 * 480);
  const job = host.run('mandelbrot', params);
  for await (const part of job) {
    for (let y = 0; y < part.height; y += 1) for (let x = 0; x < part.width; x += 1) {
      const at = (part.y + y) * 640 + part.x + x;
      counts[at] = part.counts[y * part.width + x];
      seen[at] += 1;
    }
  }
  assert.ok(seen.every((times) => times === 1), 'each place once');
  assert.deepEqual(counts, (await job).counts);
  assert.equal(job.progress.fraction, 1);
});

test('failures come with their code, and stay in the failed set with their reason', { timeout: 60_000 }, async (t) => {
  const redis = await Redis.start(t);
  await Worker.start(redis);
  const host = await open(redis);
  await assert.rejects(host.run('hash', { data: new Float32Array(2), algorithm: 'sha256' }), { code: 'BAD_PARAMS', field: 'data' });
  await assert.rejects(host.run('mandelbrot', { ...view, width: 0 }), { code: 'BAD_PARAMS', field: 'width' });
  await assert.rejects(host.run('image.decode', { data: Uint8Array.of(137, 80, 78, 71) }), { code: 'BAD_PARAMS', field: 'data' });
  const { Queue } = createRequire(new URL('../../www/package.json', import.meta.url))('bullmq');
  const queue = new Queue('loomwork', { prefix: 'loomwork', connection: { url: redis.url } });
  const failed = await queue.getFailed();
  await queue.close();
  assert.ok(failed.length >= 1);
  assert.ok(failed.some(({ failedReason }) => /BAD_PARAMS/.test(failedReason)), failed.map(({ failedReason }) => failedReason).join());
});

test('an array that is not what it was is noticed, and one that is gone', { timeout: 60_000 }, async (t) => {
  const redis = await Redis.start(t);
  const kept = new Map();
  const store = { put: async (key, bytes) => void kept.set(key, Uint8Array.from(bytes)), get: async (key) => kept.get(key), delete: async (keys) => keys.forEach((key) => kept.delete(key)) };
  // The workers look into Redis, where there is nothing: a store must be the same for both.
  await Worker.start(redis);
  const host = await open(redis, { store, attempts: 1 });
  await assert.rejects(host.run('hash', { data: new Uint8Array(100_000), algorithm: 'sha256' }), { code: 'QUEUE_LOST', message: /not kept any more/ });
  const client = new Client(redis.url);
  t.after(() => client.disconnect());
  const spoil = { ...store, put: async (key, bytes, seconds) => void (await client.set(key, Buffer.from(bytes).fill(7, 500, 501), 'EX', seconds)) };
  const other = await open(redis, { store: spoil, attempts: 1 });
  await assert.rejects(other.run('hash', { data: new Uint8Array(100_000), algorithm: 'sha256' }), { code: 'QUEUE_LOST', message: /not what it was/ });
});

test('a worker that is told to end ends its job first', { timeout: 60_000 }, async (t) => {
  const redis = await Redis.start(t);
  const worker = await Worker.start(redis, ['--threads', '1', '--concurrency', '1']);
  const host = await open(redis);
  const data = Float64Array.from({ length: 2_000_000 }, (_, index) => Math.sin(index));
  const job = host.run('argsort', { data });
  await until(() => job.state === 'running', 'it runs');
  worker.kill('SIGTERM');
  const [code] = await worker.exited;
  assert.equal(code, 0, worker.errors);
  await Worker.start(redis);
  assert.equal((await job).indices.length, data.length);
  assert.equal(worker.events.at(-1).event, 'stopped');
});

test('a worker that is told to end as soon as it says that it is ready', { timeout: 60_000 }, async (t) => {
  const redis = await Redis.start(t);
  const worker = new Worker(redis, ['--threads', '1'], signalAt('"ready"', 'SIGTERM'));
  redis.users.push(() => worker.end());
  assert.deepEqual(await worker.exited, [0, null], worker.errors);
  await until(() => worker.events.length === 2, 'what it said is read');
  assert.deepEqual(worker.events.map(({ event }) => event), ['ready', 'stopped']);
});

test('without Redis: at the start, for too long, and no secret is told', { timeout: 60_000 }, async (t) => {
  await assert.rejects(createHost({ backend: 'queue', queue: { redis: 'redis://me:s3cret@127.0.0.1:1' } }), (error) => {
    assert.equal(error.code, 'START_FAILED');
    assert.match(error.message, /redis:\/\/127\.0\.0\.1:1.*nothing listens there/);
    assert.ok(!error.message.includes('s3cret'));
    return true;
  });
  const redis = await Redis.start(t);
  const host = await open(redis, { patience: 1000 });
  const job = host.run('hash', { data: new Uint8Array(1), algorithm: 'sha256' });
  await sleep(200);
  await redis.kill();
  await assert.rejects(job, { code: 'QUEUE_LOST', message: /has been away for more than 1000 ms/ });
});

test('what Redis has forgotten is sent again', { timeout: 60_000 }, async (t) => {
  const redis = await Redis.start(t);
  const host = await open(redis);
  const job = host.run('hash', { data: Uint8Array.of(1, 2, 3), algorithm: 'sha256' });
  await sleep(500);
  const client = new Client(redis.url);
  await client.flushall();
  client.disconnect();
  await Worker.start(redis);
  assert.equal((await job).hex, createHash('sha256').update(Uint8Array.of(1, 2, 3)).digest('hex'));
  assert.ok(job.timing.retries >= 1);
});

test('a host at rest keeps neither its program nor a connection', { timeout: 60_000 }, async (t) => {
  const redis = await Redis.start(t);
  await Worker.start(redis);
  const program = `
    import { createHost } from ${JSON.stringify(fileURLToPath(new URL('../../pkg/node.js', import.meta.url)))};
    const host = await createHost({ backend: 'queue', queue: { redis: '${redis.url}' } });
    console.log((await host.run('hash', { data: Uint8Array.of(1), algorithm: 'sha256' })).hex.length);
    await host.close();
  `;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => child.kill('SIGKILL'));
  let said = '';
  child.stdout.on('data', (data) => {
    said += data;
  });
  const begun = Date.now();
  const [code] = await once(child, 'exit');
  assert.deepEqual([code, said.trim()], [0, '64']);
  assert.ok(Date.now() - begun < 15_000);
});

test('options that cannot be are refused with their name', async () => {
  for (const [queue, field] of [[undefined, 'queue'], [{}, 'queue.redis'], [{ redis: 'http://x' }, 'queue.redis'], [{ redis: 'redis://x', name: 'a:b' }, 'queue.name'], [{ redis: 'redis://x', spam: 1 }, 'queue.spam'], [{ redis: 'redis://x', store: {} }, 'queue.store'], [{ redis: 'redis://x', lock: 1 }, 'queue.lock']]) {
    const error = await createHost({ backend: 'queue', queue }).then(() => assert.fail(JSON.stringify(queue)), (reason) => reason);
    assert.ok(error instanceof LoomworkError, String(error));
    assert.deepEqual([error.code, error.field], ['BAD_PARAMS', field]);
  }
});
