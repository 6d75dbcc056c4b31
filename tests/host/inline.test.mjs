// The backend `inline`: a job goes on in steps on the caller's own thread, and the event loop between them, whatever the kernel.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { createHost } from './helpers.mjs';

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
  const endless = host.run('nbody', { ...params, steps: 2 ** 31 }, { timeout: 300 });
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
