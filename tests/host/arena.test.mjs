// Memory of an instance that the caller's thread sets aside for inputs (www/host/main/arena.ts), and what jobs make of it.
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { test } from 'node:test';
import { loadSource } from '../../www/build/load.mjs';
import { bytes, createHost, sha256 } from './helpers.mjs';

const { module: { Arena, strays } } = await loadSource('www/host/main/arena.ts', 'arena.mjs');
const PAGE = 65_536;
const U8 = 1;

setFlagsFromString('--expose-gc');
const gc = runInNewContext('gc');

function memory(maximum) {
  return new WebAssembly.Memory({ initial: 2, maximum, shared: true });
}

/** Numbers from 0 to 1 that are the same each time. */
function random(seed) {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

test('places never overlap, and all that is given back is one piece again', () => {
  const arena = new Arena(memory(1000), 400 * PAGE);
  const next = random(7);
  const held = [];
  let most = 0;
  for (let step = 0; step < 5000; step += 1) {
    if (held.length > 0 && next() < 0.5) {
      const [{ buffer }] = held.splice(Math.floor(next() * held.length), 1);
      arena.giveBack(buffer);
      arena.giveBack(buffer);
      continue;
    }
    const size = 1 + Math.floor(next() * 40 * PAGE);
    const place = arena.take(size, false);
    if (!place) continue;
    const pages = Math.ceil(size / PAGE);
    const { byteOffset } = place;
    assert.ok(byteOffset >= 2 * PAGE && byteOffset % PAGE === 0 && byteOffset + size <= place.buffer.byteLength, String(byteOffset));
    for (const other of held) assert.ok(byteOffset + pages * PAGE <= other.byteOffset || other.byteOffset + other.pages * PAGE <= byteOffset, 'two places overlap');
    held.push({ ...place, pages });
    most = Math.max(most, byteOffset / PAGE - 2 + pages);
  }
  assert.ok(most > 200 && most <= 400, `${most} pages`);
  for (const { buffer } of held) arena.giveBack(buffer);
  assert.equal(arena.take(most * PAGE, false)?.byteOffset, 2 * PAGE);
  assert.equal(arena.take(400 * PAGE, false), undefined);
});

test('a place is zeroed when asked, and ends with its buffer', async () => {
  const arena = new Arena(memory(20), 8 * PAGE);
  let view = new Uint8Array(...Object.values(arena.take(8 * PAGE, true)), 8 * PAGE).fill(9);
  assert.equal(arena.take(PAGE, true), undefined);
  view = view.subarray(3, 10);
  gc();
  await sleep(1);
  assert.equal(arena.take(PAGE, true), undefined, 'a part of it holds it');
  view = undefined;
  let place;
  for (const until = Date.now() + 20_000; !place && Date.now() < until; await sleep(1)) {
    gc();
    place = arena.take(8 * PAGE, true);
  }
  assert.ok(new Uint8Array(place.buffer, place.byteOffset, 8 * PAGE).every((byte) => byte === 0));
});

test('only what lies in its own place is held', () => {
  const shared = memory(20);
  const arena = new Arena(shared, 8 * PAGE);
  const { buffer, byteOffset } = arena.take(2 * PAGE, false);
  const holds = (over, from, length) => arena.holds({ dtype: U8, buffer: over, byteOffset: from, length });
  assert.equal(holds(buffer, byteOffset, 2 * PAGE), true);
  assert.equal(holds(buffer, byteOffset + 5, PAGE), true);
  assert.equal(holds(buffer, byteOffset, 2 * PAGE + 1), false);
  assert.equal(holds(buffer, byteOffset - 1, 10), false);
  assert.equal(holds(shared.buffer, byteOffset, 10), false);
  assert.equal(holds(new SharedArrayBuffer(10), 0, 10), false);
  const strayed = (over, from, length) => strays({ dtype: U8, buffer: over, byteOffset: from, length });
  assert.deepEqual([strayed(buffer, byteOffset, 10), strayed(buffer, 0, 10), strayed(new SharedArrayBuffer(10), 0, 10)], [false, true, false]);
  assert.equal(new Arena(shared, PAGE).holds({ dtype: U8, buffer, byteOffset, length: 10 }), false);
  arena.giveBack(buffer);
  assert.equal(holds(buffer, byteOffset, 2 * PAGE), false);
});

/** Bytes of the instance's memory now. */
const sizeOf = (host) => host.alloc(Uint8Array, PAGE).buffer.byteLength;

test('an array of host.alloc is read where it lies', { timeout: 60_000 }, async (t) => {
  const host = await createHost({ threads: 2, maxMemory: 2 ** 28 });
  t.after(() => host.close());
  const data = host.alloc(Uint8Array, 24 << 20);
  data.set(bytes(data.length, 3));
  const expected = sha256(data);
  const before = sizeOf(host);
  for (const part of [data, data.subarray(1, 2_000_001), new DataView(data.buffer, data.byteOffset, data.length)]) {
    const { hex } = await host.run('hash', { data: part, algorithm: 'sha256' });
    assert.equal(hex, part.byteLength === data.length ? expected : sha256(part));
  }
  assert.ok(sizeOf(host) - before < 4 << 20, `${sizeOf(host) - before} bytes more`);
  await assert.rejects(host.run('hash', { data: data.buffer, algorithm: 'sha256' }), { code: 'BAD_PARAMS', message: /pass the array/ });
  // A kernel that changes its input changes a copy.
  const { data: sorted } = await host.run('sort', { data: data.subarray(0, 5_000_001) });
  assert.deepEqual(sorted, data.slice(0, 5_000_001).sort());
  assert.equal(sha256(data), expected);
});

test('arrays of its caller are copied once, into memory that the next job uses again', { timeout: 60_000 }, async (t) => {
  const host = await createHost({ threads: 2, maxMemory: 2 ** 28 });
  t.after(() => host.close());
  const data = bytes(20 << 20, 5);
  const expected = sha256(data);
  const run = () => host.run('hash', { data, algorithm: 'sha256' });
  const before = sizeOf(host);
  for (let round = 0; round < 10; round += 1) assert.equal((await run()).hex, expected);
  const cancelled = run();
  cancelled.cancel();
  await assert.rejects(cancelled, { name: 'AbortError' });
  await cancelled.stopped;
  const more = sizeOf(host) - before;
  assert.ok(more >= data.length && more < data.length + (4 << 20), `${more} bytes more`);
  // More at once than there is room for: those without a place are copied into the instance when their turn comes.
  for (const { hex } of await Promise.all(Array.from({ length: 12 }, run))) assert.equal(hex, expected);
});

test('of an array of host.alloc kernels give what they give of any other, and it stays', { timeout: 60_000 }, async (t) => {
  const host = await createHost({ threads: 2 });
  t.after(() => host.close());
  const data = host.alloc(Uint8Array, 400 * 300 * 4);
  data.set(bytes(data.length, 7));
  const before = Uint8Array.from(data);
  for (const [kernel, more] of [['image.color', {}], ['image.color', { saturate: 1.4, contrast: 1.2 }], ['image.crop', { x: 0, y: 0, width: 400, height: 300 }], ['image.rotate', { angle: 0 }], ['image.resize', { width: 400, height: 300 }]]) {
    const job = host.run(kernel, { image: { data, width: 400, height: 300 }, ...more }, { output: 'shared' });
    const { image } = await job;
    const same = Uint8Array.from(image.data);
    const { image: { data: copied } } = await host.run(kernel, { image: { data: before, width: 400, height: 300 }, ...more });
    assert.deepEqual(same, Uint8Array.from(copied), kernel);
    data.fill(0);
    assert.deepEqual(Uint8Array.from(image.data), same, kernel);
    data.set(before);
    job.release();
  }
});

test('kernels that order numbers leave those of host.alloc as they lie', { timeout: 60_000 }, async (t) => {
  const host = await createHost({ threads: 2 });
  const owning = await createHost({ threads: 1, backend: 'workers' });
  t.after(() => Promise.all([host.close(), owning.close()]));
  const lent = (array) => {
    const copy = host.alloc(array.constructor, array.length);
    copy.set(array);
    return copy;
  };
  // Negative zeros, and equal numbers.
  const data = Float64Array.from({ length: 40_000 }, (_, index) => (index % 1000 === 7 ? -0 : ((index * 48271) % 9973) - 5000));
  const few = Float64Array.from(data, (_, index) => (index % 10) - 5);
  const negativeZeros = Float64Array.from(few, (x) => (x === 0 ? -0 : x));
  const jobs = [
    ['sort', { data }], ['sort', { data: Float64Array.from(data, () => 3) }], ['sort', { data: data.subarray(0, 900) }], ['argsort', { data }], ['topk', { data, k: 50 }],
    ['stats.quantiles', { data, q: [0.1, 0.5] }], ['fft', { data }],
    ['groupby', { keys: few, values: data }], ['groupby', { keys: negativeZeros, values: data }],
  ];
  for (const [kernel, params] of jobs) {
    const mine = Object.fromEntries(Object.entries(params).map(([field, value]) => [field, ArrayBuffer.isView(value) ? lent(value) : value]));
    assert.deepEqual(await host.run(kernel, mine), await owning.run(kernel, params), kernel);
    assert.deepEqual(mine, params, kernel);
  }
});
