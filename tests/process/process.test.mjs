// backend 'process': child processes that die cost time and no jobs, and none outlives its host.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { test } from 'node:test';
import { createHost, LoomworkError } from '../../target/faults/node.js';
import { bytes, sha256 } from '../host/helpers.mjs';
import { endless, naiveMandelbrot, view } from '../host/mandelbrot.mjs';
import { childrenOf, processAt } from './children.mjs';

const long = { ...endless, maxIterations: 5000 };

async function open(t, more = {}) {
  const host = await createHost({ backend: 'process', processes: 2, threads: 2, grace: 300, maxMemory: 2 ** 28, ...more });
  t.after(() => host.close());
  return host;
}

async function until(holds, what, milliseconds = 20_000) {
  for (const end = Date.now() + milliseconds; !holds(); await sleep(5)) assert.ok(Date.now() < end, `${what} within ${milliseconds} ms`);
}

const underway = (job) => until(() => job.state === 'running' && job.progress.done > 0, 'the job is under way');
const gone = (pids) => until(() => pids.every((pid) => processAt(pid) === undefined), `${pids} are gone`);

test('it says what it is', async (t) => {
  const host = await open(t, { processes: 3, threads: 4 });
  assert.equal(host.backend, 'process');
  assert.match(host.why, /^3 child processes/);
  assert.equal(host.threads, 4);
  assert.deepEqual(host.stats().lanes.map(({ threads }) => threads), [2, 1, 1]);
  assert.equal(childrenOf(process.pid).length, 3);
});

test('a child that is killed costs its jobs a retry each', async (t) => {
  const host = await open(t);
  const crashes = [];
  host.on('crash', ({ reason }) => crashes.push(reason));
  const jobs = Array.from({ length: 12 }, (_, index) => host.run('fault', { how: 'none', spin: 200_000, data: Uint8Array.of(index) }));
  await until(() => jobs.filter(({ state }) => state === 'running').length >= 2, 'jobs run');
  process.kill(childrenOf(process.pid)[0], 'SIGKILL');
  assert.deepEqual((await Promise.all(jobs)).map(({ data }) => data[0]), jobs.map((_, index) => index + 1));
  assert.ok(jobs.some(({ timing }) => timing.retries === 1), 'some ran again');
  assert.equal(host.stats().failed, 0);
  assert.match(crashes[0], /^child process \d+ was lost: ended by SIGKILL$/);
  assert.equal(crashes.length, 1);
});

test('a job in shards goes on without the child that died', async (t) => {
  const host = await open(t);
  const params = { ...view, width: 900, height: 700, maxIterations: 20_000 };
  const job = host.run('mandelbrot', params);
  await underway(job);
  process.kill(childrenOf(process.pid)[1], 'SIGKILL');
  const { counts } = await job;
  assert.ok(job.timing.retries >= 1, `${job.timing.retries} retries`);
  const alone = await createHost({ threads: 2 });
  t.after(() => alone.close());
  assert.deepEqual(counts, (await alone.run('mandelbrot', params)).counts);
});

test('arrays of all sizes arrive whole, in both directions, many at once', { timeout: 60_000 }, async (t) => {
  const host = await open(t);
  const sizes = [0, 1, 1000, 2 ** 17 - 1, 2 ** 17, 2 ** 17 + 1, 1_000_003, 2 ** 20, 9_999_991];
  const jobs = [...sizes, ...sizes.toReversed()].map((size, index) => {
    const data = bytes(size, index + 1);
    return { data, job: host.run('fault', { how: 'none', data }) };
  });
  for (const { data, job } of jobs) {
    const { data: got } = await job;
    assert.equal(sha256(got), sha256(data.map((byte) => byte + 1)), `${data.length} bytes`);
  }
  const data = host.alloc(Float64Array, 300_000);
  for (let index = 0; index < data.length; index += 1) data[index] = Math.sin(index);
  const moved = Float64Array.from(data);
  const job = host.run('sort', { data: moved }, { transfer: [moved.buffer] });
  assert.equal(moved.length, 0);
  assert.deepEqual((await job).data, Float64Array.from(data).sort());
  assert.deepEqual((await host.run('sort', { data })).data, Float64Array.from(data).sort());
});

test('parts and progress come, each part once, also of a job that runs again', async (t) => {
  const host = await open(t);
  const params = { ...view, width: 600, height: 640, maxIterations: 20_000 };
  const job = host.run('mandelbrot', params);
  const rows = new Uint8Array(params.height);
  let killed = false;
  for await (const { y, height } of job) {
    for (let row = y; row < y + height; row += 1) rows[row] += 1;
    if (killed) continue;
    killed = true;
    process.kill(childrenOf(process.pid)[0], 'SIGKILL');
  }
  await job;
  assert.ok(rows.every((count) => count > 0), 'every row came');
  assert.equal(job.progress.fraction, 1);
});

test('a cancelled kernel stops in its child, which lives on', async (t) => {
  const host = await open(t);
  const children = childrenOf(process.pid);
  const job = host.run('mandelbrot', long);
  await underway(job);
  job.cancel();
  await assert.rejects(job, { name: 'AbortError' });
  await job.stopped;
  await assert.rejects(host.run('mandelbrot', long, { timeout: 100 }), { name: 'TimeoutError' });
  assert.deepEqual((await host.run('mandelbrot', view)).counts, naiveMandelbrot(view));
  assert.deepEqual(childrenOf(process.pid), children);
  assert.equal(host.stats().restarts, 0);
});

test('a kernel that never checks costs its child an instance, and nobody else', async (t) => {
  const host = await open(t);
  const stuck = host.run('fault', { how: 'never' }, { timeout: 200 });
  await until(() => stuck.state === 'running', 'it runs');
  const beside = Array.from({ length: 6 }, (_, index) => host.run('fault', { how: 'none', spin: 2000, data: Uint8Array.of(index) }));
  await assert.rejects(stuck, { name: 'TimeoutError' });
  await stuck.stopped;
  assert.deepEqual((await Promise.all(beside)).map(({ data }) => data[0]), [1, 2, 3, 4, 5, 6]);
});

for (const [how, code] of [['panic', 'KERNEL_PANIC'], ['error', 'KERNEL_ERROR'], ['trap', 'KERNEL_CRASH'], ['outOfMemory', 'OUT_OF_MEMORY']]) {
  test(`${how} is ${code}`, async (t) => {
    const host = await open(t);
    const error = await host.run('fault', { how, spin: 5 }).then(() => assert.fail('it was answered'), (reason) => reason);
    assert.ok(error instanceof LoomworkError, String(error));
    assert.equal(error.code, code);
    if (how === 'panic') assert.match(error.location, /^src\/kernels\/fault\.rs:\d+:\d+$/);
    if (how === 'error') assert.deepEqual(error.data, { spin: 5 });
    assert.deepEqual((await host.run('mandelbrot', view)).counts, naiveMandelbrot(view));
  });
}

test('bad params are refused with their field, by the planner too', async (t) => {
  const host = await open(t);
  await assert.rejects(host.run('mandelbrot', { ...view, width: -1 }), { code: 'BAD_PARAMS', field: 'width' });
  await assert.rejects(host.run('hash', { data: new Float32Array(2), algorithm: 'sha256' }), { code: 'BAD_PARAMS', field: 'data' });
  await assert.rejects(host.run('spin', {}), { code: 'UNKNOWN_KERNEL' });
});

test('a child that stands still is noticed and replaced', { timeout: 60_000 }, async (t) => {
  const host = await open(t);
  const job = host.run('fault', { how: 'none', spin: 300_000, data: Uint8Array.of(7) });
  await until(() => job.state === 'running', 'it runs');
  for (const pid of childrenOf(process.pid)) process.kill(pid, 'SIGSTOP');
  assert.equal((await job).data[0], 8);
  assert.ok(job.timing.retries >= 1);
});

test('a job that needs more memory than its process may have is PROCESS_LOST, and the host goes on', { timeout: 60_000 }, async (t) => {
  const host = await open(t, { maxMemory: 2 ** 31, maxProcessMemory: 200 * 2 ** 20 });
  const data = new Uint8Array(300 * 2 ** 20);
  const error = await host.run('hash', { data, algorithm: 'sha256' }).then(() => assert.fail('it was answered'), (reason) => reason);
  assert.equal(error.code, 'PROCESS_LOST', String(error));
  assert.match(error.message, /used \d+ MiB of memory, more than maxProcessMemory/);
  assert.deepEqual((await host.run('mandelbrot', view)).counts, naiveMandelbrot(view));
});

test('another number of threads takes other processes, and no job is lost', async (t) => {
  const host = await open(t);
  const jobs = Array.from({ length: 8 }, (_, index) => host.run('fault', { how: 'none', spin: 50_000, data: Uint8Array.of(index) }));
  await host.resize(4);
  assert.deepEqual((await Promise.all(jobs)).map(({ data }) => data[0]), [1, 2, 3, 4, 5, 6, 7, 8]);
  assert.deepEqual(host.stats().lanes.map(({ threads }) => threads), [2, 2]);
  await until(() => childrenOf(process.pid).length === 2, 'the first two are gone');
});

test('close lets jobs end, and leaves no process behind, not even a zombie', async () => {
  const host = await createHost({ backend: 'process', processes: 2, threads: 2 });
  const pids = childrenOf(process.pid);
  assert.equal(pids.length, 2);
  const job = host.run('fault', { how: 'none', spin: 100_000, data: Uint8Array.of(1) });
  await host.close();
  assert.equal((await job).data[0], 2);
  assert.deepEqual(pids.map(processAt), [undefined, undefined]);
  await assert.rejects(host.run('noop', {}), { code: 'HOST_CLOSED' });
});

for (const [signal, what] of [['SIGKILL', 'wait'], ['SIGTERM', 'wait'], ['SIGKILL', 'work']]) {
  test(`children of a parent that ends by ${signal} end with it (${what})`, { timeout: 60_000 }, async (t) => {
    const { parent, pids } = await program(t, what);
    parent.kill(signal);
    await once(parent, 'exit');
    await gone(pids);
  });
}

test('a host at rest does not keep its program alive', { timeout: 60_000 }, async (t) => {
  const { parent, pids } = await program(t, 'end');
  assert.deepEqual(await (parent.exitCode === null ? once(parent, 'exit') : [parent.exitCode, null]), [0, null]);
  await gone(pids);
});

/** Starts the program that holds a host of two children. */
async function program(t, what) {
  const parent = spawn(process.execPath, [fileURLToPath(new URL('./fixtures/parent.mjs', import.meta.url)), what], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => parent.kill('SIGKILL'));
  const [line] = await once(parent.stdout, 'data');
  const pids = JSON.parse(String(line));
  assert.equal(pids.length, 2);
  return { parent, pids };
}

test('what cannot be is refused at once', async () => {
  for (const [options, code, field] of [
    [{ processes: 0 }, 'BAD_PARAMS', 'processes'],
    [{ processes: 65 }, 'BAD_PARAMS', 'processes'],
    [{ maxProcessMemory: 1 }, 'BAD_PARAMS', 'maxProcessMemory'],
    [{ assets: { process: 7 } }, 'BAD_PARAMS', 'assets.process'],
    [{ assets: { wasm: { threads: new WebAssembly.Module(Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0)) } } }, 'BAD_PARAMS', 'assets.wasm.threads'],
    [{ assets: { process: '/nowhere/process.node.js' } }, 'START_FAILED', undefined],
    [{ assets: { worker: '/nowhere/worker.node.js' } }, 'START_FAILED', undefined],
  ]) {
    const error = await createHost({ backend: 'process', ...options }).then(() => assert.fail(JSON.stringify(options)), (reason) => reason);
    assert.equal(error.code, code, String(error));
    assert.equal(error.field, field);
    if (code === 'START_FAILED') assert.match(error.message, /nowhere/);
  }
  await until(() => childrenOf(process.pid).length === 0, 'what was started is gone');
});
