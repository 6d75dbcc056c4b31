// What brings an instance down, and what only seems to: each fault has its code, and costs no job but its own.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createHost, LoomworkError } from '../../target/faults/node.js';
import { naiveMandelbrot, view } from '../host/helpers.mjs';

const options = { threads: 3, concurrency: 3, grace: 100, maxMemory: 2 ** 28 };

/** Waits until all jobs run, for at most 20 s. */
async function running(...jobs) {
  const until = Date.now() + 20_000;
  while (jobs.some(({ state }) => state !== 'running')) {
    assert.ok(jobs.every(({ state }) => state !== 'done'), 'a job was done before all ran');
    assert.ok(Date.now() < until, jobs.map(({ state }) => state).join(', '));
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

async function open(t, more = {}) {
  const host = await createHost({ ...options, ...more });
  t.after(() => host.close());
  return host;
}

const failing = [
  ['panic', 'KERNEL_PANIC', /told to panic/],
  ['panicElsewhere', 'KERNEL_PANIC', /told to panic elsewhere/],
  ['error', 'KERNEL_ERROR', /^told to fail$/],
  ['badOutput', 'KERNEL_ERROR', /^the output cannot be given to JavaScript: .*18446744073709551615/],
  ['badPart', 'KERNEL_ERROR', /^the part cannot be given to JavaScript: .*18446744073709551615/],
  ['outOfMemory', 'OUT_OF_MEMORY', /67108864 bytes/],
  ['trap', 'KERNEL_CRASH', /unreachable/],
  ['trapElsewhere', 'KERNEL_CRASH', /unreachable/],
  ['recursion', 'KERNEL_CRASH', /call stack/],
  ['stackOverflow', 'KERNEL_CRASH', /overflowed the stack/],
];

for (const [how, code, message] of failing) {
  test(`${how} is ${code}, and its neighbours are answered`, { timeout: 60_000 }, async (t) => {
    const host = await open(t);
    const beside = Array.from({ length: 30 }, (_, index) => host.run('fault', { how: 'none', spin: 300 * (index % 5), data: Uint8Array.of(index) }));
    const job = host.run('fault', { how, spin: 50 });
    // Parts are made only for who reads them.
    const error = await (how === 'badPart' ? job[Symbol.asyncIterator]().next() : job).then(() => assert.fail('it was answered'), (reason) => reason);
    assert.ok(error instanceof LoomworkError, String(error));
    assert.equal(error.code, code, error.message);
    assert.match(error.message, message);
    for (const [index, { data }] of (await Promise.all(beside)).entries()) assert.deepEqual([...data], [index + 1]);
    if (how === 'badPart') await job.stopped;
    assert.equal(host.stats().restarts, code === 'KERNEL_CRASH' ? 1 : 0);
    if (how === 'panic') assert.match(error.location, /^src\/kernels\/fault\.rs:\d+:\d+$/);
    if (how === 'error') assert.deepEqual(error.data, { spin: 50 });
    if (how === 'trap') assert.match(error.cause.stack, /fault/i);
    assert.deepEqual((await host.run('mandelbrot', view)).counts, naiveMandelbrot(view));
  });
}

test('a kernel that never checks is ended after its grace, and the job beside it runs again', { timeout: 60_000 }, async (t) => {
  const host = await open(t);
  const crashes = [];
  host.on('crash', (detail) => crashes.push(detail));
  const controller = new AbortController();
  const stuck = host.run('fault', { how: 'never' }, { signal: controller.signal });
  await running(stuck);
  // Long enough to be under way when the instance is ended.
  const innocent = host.run('fault', { how: 'none', spin: 2_000_000, data: Uint8Array.of(41) });
  await running(innocent);
  controller.abort();
  await assert.rejects(stuck, { name: 'AbortError' });
  assert.deepEqual([...(await innocent).data], [42]);
  assert.equal(innocent.timing.retries, 1);
  await stuck.stopped;
  assert.equal(crashes.length, 1);
  assert.match(crashes[0].reason, /'fault' did not stop within 100 ms/);
});

test('a job that runs again gives its caller no part twice', { timeout: 60_000 }, async (t) => {
  const host = await open(t);
  const picture = { width: 700, height: 500, centerX: -1.3680989, centerY: 0, span: 0.001, maxIterations: 20_000 };
  const seen = new Uint8Array(picture.width * picture.height);
  const job = host.run('mandelbrot', picture);
  let trapped;
  for await (const { x, y, width, height } of job) {
    for (let row = y; row < y + height; row += 1) for (let column = x; column < x + width; column += 1) seen[row * picture.width + column] += 1;
    trapped ??= host.run('fault', { how: 'trap' }).catch((error) => error.code);
  }
  assert.equal(await trapped, 'KERNEL_CRASH');
  assert.equal(job.timing.retries, 1);
  assert.ok(seen.every((count) => count === 1), 'each pixel came once');
});

test('a shared output that is its input is a copy of it', { timeout: 60_000 }, async (t) => {
  const host = await open(t);
  const data = host.alloc(Uint8Array, 300_000).fill(5);
  const job = host.run('fault', { how: 'same', data }, { output: 'shared' });
  const { data: output } = await job;
  data.fill(6);
  assert.ok(output.buffer instanceof SharedArrayBuffer);
  assert.ok(output.length === 300_000 && output.every((byte) => byte === 5), `${output[0]}…`);
  job.release();
});

test('large inputs survive a crash, transferred ones too', { timeout: 60_000 }, async (t) => {
  const host = await open(t);
  const data = new Uint8Array(3_000_000).fill(3);
  const moved = new Uint8Array(2_000_000).fill(4);
  const jobs = [
    host.run('fault', { how: 'none', spin: 6_000_000, data }),
    host.run('fault', { how: 'none', spin: 6_000_000, data: moved }, { transfer: [moved.buffer] }),
  ];
  assert.equal(moved.length, 0);
  await running(...jobs);
  await assert.rejects(host.run('fault', { how: 'trap' }), { code: 'KERNEL_CRASH' });
  const [first, second] = await Promise.all(jobs);
  assert.ok(first.data.length === 3_000_000 && first.data.every((byte) => byte === 4));
  assert.ok(second.data.length === 2_000_000 && second.data.every((byte) => byte === 5));
  assert.deepEqual(jobs.map(({ timing }) => timing.retries), [1, 1]);
});

test('what is transferred while an instance is replaced survives when the next one is lost too', { timeout: 120_000 }, async (t) => {
  const host = await open(t, { grace: 5000 });
  for (let round = 0; round < 10; round += 1) {
    await assert.rejects(host.run('fault', { how: 'trap' }), { code: 'KERNEL_CRASH' });
    // No instance is there by now; the trap's own is the next.
    const given = Array.from({ length: 6 }, (_, index) => new Uint8Array(3_000_000).fill(index));
    const jobs = given.map((data) => host.run('fault', { how: 'none', data }, { transfer: [data.buffer] }));
    const trap = host.run('fault', { how: 'trap' }, { priority: 1 });
    assert.ok(given.every(({ length }) => length === 0), 'they are moved all the same');
    await assert.rejects(trap, { code: 'KERNEL_CRASH' });
    for (const [index, { data }] of (await Promise.all(jobs)).entries()) {
      assert.ok(data.length === 3_000_000 && data.every((byte) => byte === index + 1), `${data.length} bytes, ${data[0]}…`);
    }
  }
});

test('a crash while a host closes is recovered from, and the host closes', { timeout: 60_000 }, async () => {
  const host = await createHost(options);
  const jobs = Array.from({ length: 20 }, (_, index) => host.run('fault', { how: 'none', spin: 500, data: Uint8Array.of(index) }));
  const trap = host.run('fault', { how: 'trap' });
  const closed = host.close();
  await assert.rejects(trap, { code: 'KERNEL_CRASH' });
  for (const [index, { data }] of (await Promise.all(jobs)).entries()) assert.deepEqual([...data], [index + 1]);
  await closed;
});

test('an instance whose replacement never answers is replaced again, long before startTimeout', { timeout: 25_000 }, async (t) => {
  t.after(() => delete process.env.LOOMWORK_TEST_SILENT);
  const host = await open(t, { startTimeout: 600_000, assets: { worker: new URL('fixtures/sometimes-silent-worker.mjs', import.meta.url) } });
  const restarted = new Promise((resolve) => host.on('restart', resolve));
  process.env.LOOMWORK_TEST_SILENT = 'yes';
  await assert.rejects(host.run('fault', { how: 'trap' }), { code: 'KERNEL_CRASH' });
  const beside = host.run('fault', { how: 'none', data: Uint8Array.of(7) });
  // Its workers have begun by then; the next ones speak again.
  setTimeout(() => delete process.env.LOOMWORK_TEST_SILENT, 1000);
  assert.deepEqual([...(await beside).data], [8]);
  const { milliseconds } = await restarted;
  assert.ok(milliseconds >= 3000, `the first replacement had time to start: ${milliseconds} ms`);
});

for (const backend of ['workers', 'inline']) {
  test(`a panic and an error cost one job (${backend})`, { timeout: 60_000 }, async (t) => {
    const host = await open(t, { backend });
    await assert.rejects(host.run('fault', { how: 'panic' }), { code: 'KERNEL_PANIC' });
    await assert.rejects(host.run('fault', { how: 'error' }), { code: 'KERNEL_ERROR' });
    await assert.rejects(host.run('fault', { how: 'badOutput' }), { code: 'KERNEL_ERROR', message: /cannot be given/ });
    assert.deepEqual([...(await host.run('fault', { how: 'none', data: Uint8Array.of(1) })).data], [2]);
  });
}

test('a trap costs one job, and its worker is replaced (workers)', { timeout: 60_000 }, async (t) => {
  const host = await open(t, { backend: 'workers' });
  const beside = Array.from({ length: 12 }, (_, index) => host.run('fault', { how: 'none', spin: 500, data: Uint8Array.of(index) }));
  await assert.rejects(host.run('fault', { how: 'trap' }), { code: 'KERNEL_CRASH' });
  for (const [index, { data }] of (await Promise.all(beside)).entries()) assert.deepEqual([...data], [index + 1]);
  assert.equal(host.stats().restarts, 1);
});
