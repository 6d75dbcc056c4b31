// The queue is bounded and fair, small jobs do not wait behind big ones, and a host can be paused, warmed, resized and looked into.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createHost, endless, naiveMandelbrot, view } from './helpers.mjs';

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** A host, closed after the test. */
async function open(t, options) {
  const host = await createHost(options);
  t.after(() => host.close());
  return host;
}

/** Runs jobs on a paused host and tells in which order they ended. One lane takes them one by one. */
async function orderOf(host, jobs) {
  host.pause();
  const order = [];
  const all = jobs.map(({ name, ...options }) => host.run('noop', {}, options).then(() => order.push(name)));
  await pause(20);
  assert.equal(host.stats().queued, jobs.length);
  host.resume();
  await Promise.all(all);
  return order;
}

test('a full queue refuses, ready() waits for a place', { timeout: 30_000 }, async (t) => {
  const host = await open(t, { threads: 2, concurrency: 1, maxQueue: 3 });
  host.pause();
  const jobs = Array.from({ length: 3 }, () => host.run('noop', {}));
  await assert.rejects(host.run('noop', {}), { code: 'QUEUE_FULL', message: /3 jobs wait/ });
  let ready = false;
  const waiting = host.ready().then(() => {
    ready = true;
  });
  await pause(20);
  assert.equal(ready, false);
  host.resume();
  await waiting;
  await Promise.all(jobs);
  await host.run('noop', {});
});

test('ten thousand jobs with backpressure never overfill the queue', { timeout: 60_000 }, async (t) => {
  const host = await open(t, { threads: 2, maxQueue: 50 });
  const jobs = [];
  for (let index = 0; index < 10_000; index += 1) {
    await host.ready();
    jobs.push(host.run('noop', {}));
    assert.ok(host.stats().queued <= 51);
  }
  await Promise.all(jobs);
});

test('a cancelled job leaves its place to another', { timeout: 30_000 }, async (t) => {
  const host = await open(t, { threads: 1, concurrency: 1, maxQueue: 1 });
  host.pause();
  const first = host.run('noop', {});
  await pause(5);
  first.cancel();
  await assert.rejects(first, { name: 'AbortError' });
  const second = host.run('noop', {});
  host.resume();
  await second;
});

test('higher priority runs first, equals in order', { timeout: 30_000 }, async (t) => {
  const host = await open(t, { threads: 1, concurrency: 1 });
  const order = await orderOf(host, [
    { name: 'low', priority: -1 }, { name: 'a' }, { name: 'high', priority: 5 }, { name: 'b' }, { name: 'higher', priority: 9 },
  ]);
  assert.deepEqual(order, ['higher', 'high', 'a', 'b', 'low']);
});

test('callers take turns', { timeout: 30_000 }, async (t) => {
  const host = await open(t, { threads: 1, concurrency: 1 });
  const order = await orderOf(host, [
    { name: 'a1', caller: 'a' }, { name: 'a2', caller: 'a' }, { name: 'a3', caller: 'a' }, { name: 'a4', caller: 'a' },
    { name: 'b1', caller: 'b' }, { name: 'b2', caller: 'b' }, { name: 'c1', caller: 'c' },
  ]);
  assert.deepEqual(order, ['a1', 'b1', 'c1', 'a2', 'b2', 'a3', 'a4']);
});

test('who waits long enough overtakes a higher priority', { timeout: 30_000 }, async (t) => {
  const host = await open(t, { threads: 1, concurrency: 1, aging: 10 });
  host.pause();
  const order = [];
  const old = host.run('noop', {}, { priority: 0 }).then(() => order.push('old'));
  await pause(120);
  const young = host.run('noop', {}, { priority: 5 }).then(() => order.push('young'));
  await pause(5);
  host.resume();
  await Promise.all([old, young]);
  assert.deepEqual(order, ['old', 'young']);
});

test('small jobs do not wait behind a big one', { timeout: 60_000 }, async (t) => {
  const host = await open(t, { threads: 4 });
  const big = [host.run('mandelbrot', endless), host.run('mandelbrot', endless)];
  await pause(50);
  const expected = naiveMandelbrot(view);
  for (let index = 0; index < 20; index += 1) assert.deepEqual((await host.run('mandelbrot', view)).counts, expected);
  for (const job of big) {
    assert.equal(job.state, 'running');
    job.cancel();
    await assert.rejects(job, { name: 'AbortError' });
  }
});

test('map keeps the order, takes params as they are needed, and stops what is under way when it is left', { timeout: 30_000 }, async (t) => {
  const host = await open(t, { threads: 2 });
  let taken = 0;
  function* sizes() {
    for (let width = 1; width <= 200; width += 1) {
      taken += 1;
      yield { ...view, width, height: 2 };
    }
  }
  let width = 0;
  for await (const { counts } of host.map('mandelbrot', sizes(), { concurrency: 5 })) {
    width += 1;
    assert.equal(counts.length, width * 2);
    assert.ok(taken <= width + 5, `${taken} taken at ${width}`);
    if (width === 50) break;
  }
  assert.ok(taken < 60);
  await assert.rejects(async () => {
    for await (const output of host.map('mandelbrot', [view, { ...view, width: 0 }, view])) assert.ok(output);
  }, { code: 'BAD_PARAMS', field: 'width' });
  const results = [];
  for await (const output of host.map('noop', (async function* some() { yield {}; yield {}; })())) results.push(output);
  assert.deepEqual(results, [{}, {}]);
  assert.throws(() => host.map('noop', 7), { code: 'BAD_PARAMS', field: 'list' });
});

test('resize loses no job', { timeout: 60_000 }, async (t) => {
  const host = await open(t, { threads: 1 });
  const expected = naiveMandelbrot(view);
  const jobs = [];
  for (const threads of [3, 2, 4, 1]) {
    jobs.push(...Array.from({ length: 100 }, () => host.run('mandelbrot', view)));
    await host.resize(threads);
    assert.equal(host.threads, threads);
    assert.match(host.why, new RegExp(`^${threads} thread`));
  }
  for (const { counts } of await Promise.all(jobs)) assert.deepEqual(counts, expected);
  await assert.rejects(host.resize(0), { code: 'BAD_PARAMS', field: 'threads' });
});

test('warm-up opens every lane', { timeout: 60_000 }, async (t) => {
  const host = await open(t, { threads: 2, concurrency: 3 });
  assert.equal(host.stats().lanes.length, 1);
  await host.warmUp('noop', {});
  assert.deepEqual(host.stats().lanes.map(({ threads }) => threads), [2, 1, 1]);
});

test('stats count what happened', { timeout: 60_000 }, async (t) => {
  const host = await open(t, { threads: 2 });
  await Promise.all(Array.from({ length: 100 }, () => host.run('noop', {})));
  await host.run('hash', { data: new Uint8Array(1000), algorithm: 'sha256' });
  await host.run('mandelbrot', view);
  await host.run('mandelbrot', { ...view, width: 0 }).catch(() => {});
  const doomed = host.run('mandelbrot', endless);
  await pause(20);
  assert.equal(host.stats().running, 1);
  doomed.cancel();
  await doomed.catch(() => {});
  await doomed.stopped;
  const stats = host.stats();
  assert.deepEqual([stats.done, stats.failed, stats.cancelled, stats.queued, stats.running], [102, 1, 1, 0, 0]);
  assert.equal(stats.bytesIn, 1000);
  assert.equal(stats.bytesOut, view.width * view.height * 4);
  assert.equal(stats.latency.count, 102);
  assert.ok(stats.latency.p50 > 0 && stats.latency.p50 <= stats.latency.p99 && stats.latency.p99 <= stats.latency.max);
  assert.ok(stats.runTime.max > 0 && stats.lanes[0].utilization > 0 && stats.lanes[0].utilization <= 1);
});

test('the trace is in the Chrome trace format: each job, and its span on its lane', { timeout: 60_000 }, async (t) => {
  const host = await open(t, { threads: 2 });
  await host.run('mandelbrot', view);
  const { traceEvents } = JSON.parse(JSON.stringify(host.trace()));
  const [begin, end, span] = ['b', 'e', 'X'].map((phase) => traceEvents.find(({ ph }) => ph === phase));
  assert.equal(span.name, 'mandelbrot');
  assert.ok(begin.ts <= span.ts && span.dur > 0 && span.ts + span.dur <= end.ts + 1, JSON.stringify([begin, span, end]));
  assert.ok(Math.abs(span.ts / 1000 - Date.now()) < 60_000, 'times are of now');
});

test('the trace and the stats tell of every thread', { timeout: 60_000 }, async (t) => {
  const host = await open(t, { threads: 3 });
  // Some hundreds of rows of a millisecond and more: no thread is left without.
  const job = host.run('mandelbrot', { ...view, width: 400, height: 400, centerX: -1.3680989, centerY: 0, span: 0.001, maxIterations: 10_000 });
  await job;
  const { traceEvents } = host.trace();
  const rows = new Map(traceEvents.filter(({ name }) => name === 'thread_name').map(({ tid, args }) => [tid, args.name]));
  const whole = traceEvents.find(({ cat }) => cat === 'kernel');
  const work = traceEvents.filter(({ cat }) => cat === 'thread');
  assert.deepEqual(new Set(work.map(({ tid }) => rows.get(tid))), new Set(['lane 1, thread 2', 'lane 1, thread 3']));
  for (const span of work) {
    assert.equal(span.name, 'mandelbrot');
    assert.ok(span.ts >= whole.ts - 1 && span.ts + span.dur <= whole.ts + whole.dur + 1, JSON.stringify([whole, span]));
  }
  const [{ utilization, threadUtilization }] = host.stats().lanes;
  assert.equal(threadUtilization.length, 3);
  assert.equal(threadUtilization[0], utilization);
  for (const share of threadUtilization) assert.ok(share > 0 && share <= 1, String(threadUtilization));
});

test('events tell of a start, and strange listeners are refused', { timeout: 60_000 }, async (t) => {
  const host = await open(t, { threads: 1 });
  const started = new Promise((resolve) => host.on('start', resolve));
  await host.resize(2);
  assert.equal((await started).threads, 2);
  assert.throws(() => host.on('stop', () => {}), { code: 'BAD_PARAMS', field: 'event' });
});

test('an array of shared memory goes in without a copy, any number of times', { timeout: 60_000 }, async (t) => {
  const host = await open(t, { threads: 2 });
  const data = host.alloc(Float32Array, 300_000);
  assert.ok(data.buffer instanceof SharedArrayBuffer);
  for (let round = 0; round < 3; round += 1) {
    for (let index = 0; index < data.length; index += 1) data[index] = (index * 7919 + round) % 1000;
    assert.deepEqual((await host.run('sort', { data })).data, Float32Array.from(data).sort());
  }
  assert.throws(() => host.alloc(Float32Array, -1), { code: 'BAD_PARAMS', field: 'length' });
  assert.throws(() => host.alloc({}, 1), { code: 'BAD_PARAMS', field: 'type' });
});

test('a shared output lies in the instance until it is released', { timeout: 60_000 }, async (t) => {
  const host = await open(t, { threads: 2, maxMemory: 2 ** 28 });
  const data = Float32Array.from({ length: 4_000_000 }, (_, index) => (index * 48271) % 99991);
  const expected = Float32Array.from(data).sort();
  // Thirty times 16 MB do not fit into 256 MiB unless each is released.
  for (let round = 0; round < 30; round += 1) {
    const job = host.run('sort', { data }, { output: 'shared' });
    const output = await job;
    assert.ok(output.data.buffer instanceof SharedArrayBuffer);
    assert.deepEqual(output.data.subarray(0, 1000), expected.subarray(0, 1000));
    if (round === 0) assert.deepEqual(Float32Array.from(output.data), expected);
    job.release();
  }
  await assert.rejects(host.run('noop', {}, { output: 'mine' }), { code: 'BAD_PARAMS', field: 'output' });
});

test('memory is back where it was after each job, and grows where it must', { timeout: 60_000 }, async (t) => {
  const host = await open(t, { threads: 2, maxMemory: 2 ** 27 });
  const data = new Uint8Array(30 << 20).fill(7);
  const { hex } = await host.run('hash', { data, algorithm: 'blake3' });
  for (let round = 0; round < 20; round += 1) assert.equal((await host.run('hash', { data, algorithm: 'blake3' })).hex, hex);
});
