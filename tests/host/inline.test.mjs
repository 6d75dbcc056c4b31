// The backend `inline`: a job goes on in steps on the caller's own thread, and the event loop between them, whatever the kernel.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { loadSource } from '../../www/build/load.mjs';
import { createHost } from './helpers.mjs';

const { module: { Durations } } = await loadSource('www/host/main/durations.ts', 'durations.mjs');
const { module: { Held } } = await loadSource('www/host/main/held.ts', 'held.mjs');

async function open(t, more = {}) {
  const host = await createHost({ backend: 'inline', ...more });
  t.after(() => host.close());
  return host;
}

const turn = () => new Promise((resolve) => setImmediate(resolve));
const numbers = (length) => Float64Array.from({ length }, (_, index) => Math.sin(index * index));
const bytes = (length) => Uint8Array.from({ length }, (_, index) => (index * index) >> 7);

test('a simulation of few bodies and many steps hears its timeout, and tells how far it is', { timeout: 60_000 }, async (t) => {
  const host = await open(t);
  const params = { positions: numbers(9), masses: Float64Array.of(1, 2, 3), timeStep: 1e-9 };
  const endless = host.run('nbody', { ...params, steps: 2 ** 31 }, { timeout: 1000 });
  await assert.rejects(endless, { name: 'TimeoutError' });
  const { done, total } = endless.progress;
  assert.ok(done > 0 && done < total, `${done} of ${total}`);
  const seen = [];
  await host.run('nbody', { ...params, steps: 5_000_000 }, { onProgress: ({ fraction }) => seen.push(fraction) });
  assert.ok(seen.length > 2 && seen.every((fraction, index) => fraction >= (seen[index - 1] ?? 0)), `${seen}`);
  assert.equal(seen.at(-1), 1);
});

test('hosts of one thread share its one instance', { timeout: 60_000 }, async (t) => {
  const hosts = [await open(t), await open(t), await open(t)];
  const data = hosts.map((_, index) => bytes(3_000_000 + index));
  const jobs = hosts.map(async (host, index) => (await host.run('hash', { data: data[index], algorithm: 'sha256' })).hex);
  const sorted = await hosts[1].run('sort', { data: numbers(300_000) });
  assert.deepEqual(sorted.data, numbers(300_000).sort());
  assert.deepEqual(await Promise.all(jobs), data.map((each) => createHash('sha256').update(each).digest('hex')));
});

test('a job is cancelled wherever it is: on its way in, at work, or on its way out', { timeout: 120_000 }, async (t) => {
  const host = await open(t, { slice: 1 });
  const data = numbers(600_000);
  const expected = numbers(600_000).sort();
  let cancelled = 0;
  for (let turns = 0; turns < 400; turns = Math.ceil(turns * 1.3) + 1) {
    const job = host.run('sort', { data });
    job.catch(() => {});
    for (let left = turns; left > 0 && job.state !== 'done'; left -= 1) await turn();
    if (job.state === 'done') break;
    job.cancel();
    cancelled += 1;
    await job.stopped;
    assert.equal((await host.run('hash', { data: Uint8Array.of(97, 98, 99), algorithm: 'sha256' })).hex.slice(0, 8), 'ba7816bf');
  }
  assert.ok(cancelled > 5, `${cancelled} jobs were cancelled`);
  assert.deepEqual((await host.run('sort', { data })).data, expected);
});

test('what fails on its way in or in a step ends its job only', { timeout: 60_000 }, async (t) => {
  const host = await open(t);
  await assert.rejects(host.run('kmeans', { data: Float32Array.of(1, NaN, 3, 4), dimensions: 2, k: 1 }), { code: 'BAD_PARAMS', field: 'data' });
  await assert.rejects(host.run('decompress', { data: bytes(100_000), format: 'gzip' }), { code: 'BAD_PARAMS', field: 'data' });
  await assert.rejects(host.run('matmul', { a: new Float32Array(4), b: new Float32Array(5), m: 2, k: 2, n: 2 }), { code: 'BAD_PARAMS' });
  assert.equal((await host.run('hash', { data: Uint8Array.of(97, 98, 99), algorithm: 'sha256' })).hex.slice(0, 8), 'ba7816bf');
});

test('a job that has run before is divided otherwise, and gives the same', { timeout: 120_000 }, async (t) => {
  const jobs = {
    sort: { data: numbers(500_000) },
    argsort: { data: Float32Array.from(numbers(300_000)) },
    matmul: { a: numbers(300 * 310), b: numbers(310 * 320), m: 300, k: 310, n: 320 },
    hash: { data: bytes(3_000_000), algorithm: 'blake3' },
    fft: { data: numbers(400_000), length: 1000 },
    groupby: { keys: Int32Array.from(numbers(200_000), (x) => x * 100), values: numbers(200_000) },
    mandelbrot: { width: 300, height: 200, centerX: -0.5, centerY: 0, span: 3, maxIterations: 200 },
  };
  const threads = await createHost({ backend: 'threads', threads: 2 });
  t.after(() => threads.close());
  const digest = (value) => {
    const hash = createHash('sha256');
    const add = (item) => {
      if (ArrayBuffer.isView(item)) hash.update(item);
      else if (typeof item === 'object' && item !== null) Object.entries(item).forEach(([key, each]) => (hash.update(key), add(each)));
      else hash.update(String(item));
    };
    add(value);
    return hash.digest('hex');
  };
  // In a slice of a millisecond each stays divided; in one of ten seconds none is from the second time on.
  for (const slice of [1, 8, 10_000]) {
    const host = await open(t, { slice });
    for (const [kernel, params] of Object.entries(jobs)) {
      const expected = digest(await threads.run(kernel, params));
      for (let time = 1; time <= 3; time += 1) assert.equal(digest(await host.run(kernel, params)), expected, `${kernel}, slice ${slice}, time ${time}`);
    }
  }
});

test('what is known of a job is how long the same one took last', () => {
  const durations = new Durations();
  const task = (kernel, params, ...arrays) => ({ kernel, params: Uint8Array.from(params), inputs: { arrays: arrays.map(([dtype, length]) => ({ dtype, length })) } });
  assert.equal(durations.of(task('sort', [1], [3, 10])), undefined);
  durations.learn(task('sort', [1], [3, 10]), 5);
  durations.learn(task('sort', [1], [3, 10]), 7);
  assert.equal(durations.of(task('sort', [1], [3, 10])), 7);
  for (const other of [task('topk', [1], [3, 10]), task('sort', [2], [3, 10]), task('sort', [1], [4, 10]), task('sort', [1], [3, 11]), task('sort', [1]), task('sort', [1], [3, 1], [0, 10])]) {
    assert.equal(durations.of(other), undefined);
  }
  // A clock that stands still says nothing, and params that are long are not kept.
  durations.learn(task('hash', [1]), 0);
  durations.learn(task('hash', new Uint8Array(5000)), 9);
  assert.equal(durations.of(task('hash', [1])), undefined);
  assert.equal(durations.of(task('hash', new Uint8Array(5000))), undefined);
  assert.equal(durations.of(task('hash', new Uint8Array(6000))), undefined);
  for (let other = 0; other < 63; other += 1) durations.learn(task('hash', [other, 1]), 1);
  assert.equal(durations.of(task('sort', [1], [3, 10])), 7);
  durations.learn(task('hash', [63, 1]), 1);
  assert.equal(durations.of(task('sort', [1], [3, 10])), undefined, 'the oldest makes room');
});

test('arrays of jobs that wait lie in the instance, several up to a limit, a single one whatever its size', () => {
  const held = new Map();
  const instance = {
    buffer: new ArrayBuffer(8),
    hold: (number, dtype, length) => (length > 2 ** 31 ? 0 : (held.set(number, [dtype, length]), 4096 * number)),
    letGo: (number) => held.delete(number),
  };
  const [U8, F64] = [1, 11];
  const memory = new Held(instance);
  const all = memory.room({ dtype: U8, length: 300 * 2 ** 20 });
  assert.deepEqual([all.dtype, all.length, all.byteOffset], [U8, 300 * 2 ** 20, 4096 * all.held]);
  assert.equal(memory.room({ dtype: U8, length: 1 }), undefined, 'there is too much already');
  instance.buffer = new ArrayBuffer(16);
  assert.equal(all.buffer, instance.buffer, 'the memory has grown');
  all.giveBack();
  const rooms = [1, 2, 3].map(() => memory.room({ dtype: U8, length: 100 * 2 ** 20 }));
  assert.deepEqual(rooms.map((room) => room !== undefined), [true, true, false]);
  rooms[0].giveBack();
  assert.ok(memory.room({ dtype: U8, length: 100 * 2 ** 20 }));
  assert.equal(held.size, 2);
  assert.equal(new Held(instance).room({ dtype: F64, length: 2 ** 32 }), undefined, 'there is no memory');
  assert.equal(held.size, 2);
});

test('a job has what its arrays held when it was asked for, whoever waits before it', { timeout: 60_000 }, async (t) => {
  const host = await open(t);
  const data = bytes(400_000);
  const expected = createHash('sha256').update(data).digest('hex');
  const jobs = Array.from({ length: 20 }, () => host.run('hash', { data, algorithm: 'sha256' }));
  const moved = data.slice();
  const last = host.run('hash', { data: moved, algorithm: 'sha256' }, { transfer: [moved.buffer] });
  assert.equal(moved.length, 0);
  data.fill(1);
  // Those that are cancelled while they wait give their memory back.
  for (const job of jobs.slice(5, 15)) {
    job.cancel();
    await assert.rejects(job, { name: 'AbortError' });
  }
  for (const job of [...jobs.slice(0, 5), ...jobs.slice(15), last]) assert.equal((await job).hex, expected);
});
