// Jobs whose arrays lie in the instance's memory: they go to a lane and back through their control block, without a message
// (www/host/main/slabs.ts, www/host/shared/place.ts, src/place.rs, src/kept.rs).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadSource } from '../../www/build/load.mjs';
import { bytes, createHost, shapeOf } from './helpers.mjs';

const { module: { Arena } } = await loadSource('www/host/main/arena.ts', 'arena.mjs');
const { module: { stage } } = await loadSource('www/host/main/stage.ts', 'stage.mjs');
const PAGE = 65_536;
const U8 = 1;

/** Sizes in bytes around every border: a piece's, an array's that has pages of its own, and an output's that the coordinator copies. */
const SIZES = [0, 1, 255, 256, 257, 4096, PAGE - 1, PAGE, PAGE + 1, 2 * PAGE, 2 * PAGE + 1, 1 << 20, (1 << 20) + 1];

/** Bytes of the instance's memory now. */
const sizeOf = (host) => host.alloc(Uint8Array, PAGE).buffer.byteLength;

test('pieces for small arrays never overlap, are used again, and have a bound', () => {
  const arena = new Arena(new WebAssembly.Memory({ initial: 2, maximum: 1000, shared: true }), 800 * PAGE);
  const held = [];
  const sizes = [0, 1, 256, 257, 5000, 30_000, PAGE - 1];
  for (let index = 0; ; index += 1) {
    const length = sizes[index % sizes.length];
    const room = arena.room({ dtype: U8, length });
    if (!room) break;
    assert.ok(arena.holds({ dtype: U8, buffer: room.buffer, byteOffset: room.byteOffset, length }));
    assert.equal(room.byteOffset % 8, 0);
    held.push({ room, length });
  }
  held.sort((a, b) => a.room.byteOffset - b.room.byteOffset);
  for (const [index, { room, length }] of held.entries()) assert.ok(index === 0 || held[index - 1].room.byteOffset + held[index - 1].length <= room.byteOffset, 'two pieces overlap');
  const all = held.reduce((sum, { length }) => sum + length, 0);
  assert.ok(all > 1 << 20 && all <= 4 << 20, `${all} bytes`);
  assert.ok(arena.room({ dtype: U8, length: PAGE }), 'an array of a page has pages of its own');
  const places = new Set(held.map(({ room }) => room.byteOffset));
  for (const { room } of held) room.giveBack();
  for (const { length } of held) assert.ok(places.has(arena.room({ dtype: U8, length }).byteOffset), 'pieces that were given back are taken first');
});

test('what is taken for copies is given back when one of them cannot be made', { timeout: 30_000 }, async () => {
  const arena = new Arena(new WebAssembly.Memory({ initial: 2, maximum: 1000, shared: true }), 800 * PAGE);
  let taken = 0;
  const reserve = {
    room(bytes) {
      const room = arena.room(bytes);
      taken += 1;
      return { buffer: room.buffer, byteOffset: room.byteOffset, giveBack: () => { taken -= 1; room.giveBack(); } };
    },
  };
  const packed = (...lengths) => lengths.map((length) => ({ dtype: U8, buffer: new ArrayBuffer(length), byteOffset: 0, length }));
  const lose = ({ buffer }) => structuredClone(buffer, { transfer: [buffer] });
  const runtime = { yield: () => new Promise((resolve) => setImmediate(resolve)) };
  const small = packed(100, 5000, 70_000);
  lose(small[2]);
  assert.throws(() => stage(small, [], { shared: true, reserve, moves: true }, runtime), TypeError);
  assert.equal(taken, 0);
  const large = packed(100, 3 << 20, 5000);
  const slow = stage(large, [], { shared: true, reserve, moves: true }, runtime);
  // In the midst of the second.
  while (taken < 2) await runtime.yield();
  lose(large[1]);
  await assert.rejects(slow, TypeError);
  assert.equal(taken, 0);
  const right = await stage(packed(100, 3 << 20, 5000), [], { shared: true, reserve, moves: true }, runtime);
  assert.equal(taken, 3);
  right.release();
  assert.equal(taken, 0);
});

test('buffers that were moved go on with their job only where there is no room in the instance', async () => {
  const arena = new Arena(new WebAssembly.Memory({ initial: 2, maximum: 1000, shared: true }), 800 * PAGE);
  const packed = (length) => ({ dtype: U8, buffer: bytes(length, 3).buffer, byteOffset: 0, length });
  const runtime = { yield: () => Promise.resolve() };
  const given = [packed(0), packed(5000), packed(100_000), packed(3 << 20)];
  const buffers = given.map(({ buffer }) => buffer);
  const copies = given.map(({ buffer }) => new Uint8Array(buffer.slice()));
  const inside = (staged) => staged.arrays.map((array) => arena.holds(array));
  const same = (staged) => staged.arrays.forEach(({ buffer, byteOffset, length }, index) => assert.equal(Buffer.compare(new Uint8Array(buffer, byteOffset, length), copies[index]), 0));
  // Other backends have no reserve. An array of nothing needs no buffer of its caller's.
  const early = await stage(given, buffers, { shared: true, reserve: undefined, moves: true }, runtime);
  assert.ok(buffers.slice(1).every((buffer) => buffer.byteLength === 0), 'the caller has given them away');
  assert.deepEqual([early.transfer.length, ...inside(early)], [3, false, false, false, false]);
  same(early);
  // When the instance is there, what takes a moment is copied into it; what does not goes by message.
  early.moveInto(arena);
  assert.deepEqual([early.transfer.length, ...inside(early)], [1, true, true, true, false]);
  same(early);
  early.release();
  const again = copies.map((copy) => ({ ...packed(0), buffer: copy.slice().buffer, length: copy.length }));
  const late = await stage(again, again.map(({ buffer }) => buffer), { shared: true, reserve: arena, moves: true }, runtime);
  assert.deepEqual([late.transfer.length, ...inside(late)], [0, true, true, true, true]);
  same(late);
  late.release();
  // While an instance is replaced there is none either, but what is moved to the next may be lost with it: copies stay here.
  const last = copies.map((copy) => ({ ...packed(0), buffer: copy.slice().buffer, length: copy.length }));
  const between = await stage(last, last.map(({ buffer }) => buffer), { shared: true, reserve: undefined, moves: false }, runtime);
  assert.ok(last.slice(1).every(({ buffer }) => buffer.byteLength === 0), 'the caller has given them away');
  assert.equal(between.transfer.length, 0);
  assert.ok(between.arrays.slice(1).every(({ buffer }) => buffer instanceof SharedArrayBuffer));
  same(between);
});

test('an array that its caller moves away while it is copied is an error', { timeout: 30_000 }, async (t) => {
  const host = await createHost({ threads: 2 });
  t.after(() => host.close());
  const data = bytes(16 << 20);
  const job = host.run('hash', { data, algorithm: 'sha256' });
  structuredClone(data.buffer, { transfer: [data.buffer] });
  await assert.rejects(job, { code: 'BAD_PARAMS', message: /detached while it was copied/ });
});

test('arrays of every kind and size come back as they were, however they are given', { timeout: 60_000 }, async (t) => {
  const host = await createHost({ threads: 2 });
  t.after(() => host.close());
  const kinds = [Int8Array, Uint8Array, Uint8ClampedArray, Int16Array, Uint16Array, Int32Array, Uint32Array, BigInt64Array, BigUint64Array, Float32Array, Float64Array];
  const jobs = [];
  for (const size of SIZES) {
    for (const Kind of size > PAGE ? [Uint8Array, Float64Array] : kinds) {
      const length = Math.floor(size / Kind.BYTES_PER_ELEMENT);
      const raw = bytes(length * Kind.BYTES_PER_ELEMENT, size + 1);
      const given = {
        copied: () => new Kind(raw.slice().buffer),
        'a part of a larger one': () => new Kind(Uint8Array.of(...bytes(8), ...raw, 9).slice().buffer, 8, length),
        moved: () => new Kind(raw.slice().buffer),
        shared: () => { const own = new Kind(new SharedArrayBuffer(raw.length)); new Uint8Array(own.buffer).set(raw); return own; },
        allocated: () => { const own = host.alloc(Kind, length); new Uint8Array(own.buffer, own.byteOffset, raw.length).set(raw); return own; },
      };
      for (const [how, make] of Object.entries(given)) {
        if (how === 'a part of a larger one' && size > PAGE) continue;
        for (const output of ['copy', 'shared']) {
          const data = make();
          const job = host.run('noop', { data }, { output, ...(how === 'moved' && { transfer: [data.buffer] }) });
          jobs.push(job.then((answer) => {
            const label = `${Kind.name} of ${size} bytes, ${how}, ${output}`;
            assert.deepEqual(Object.keys(answer), ['data'], label);
            assert.equal(answer.data.constructor, Kind, label);
            assert.equal(answer.data.length, length, label);
            assert.equal(Buffer.compare(Buffer.from(answer.data.buffer, answer.data.byteOffset, answer.data.byteLength), raw), 0, label);
            if (output === 'copy') assert.ok(answer.data.buffer instanceof ArrayBuffer, label);
            job.release();
          }));
        }
      }
    }
  }
  assert.ok(jobs.length > 500);
  await Promise.all(jobs);
});

test('shapes come back too', { timeout: 30_000 }, async (t) => {
  const host = await createHost({ threads: 2 });
  t.after(() => host.close());
  // The first two are answered in the control block, copied and lent; the third is copied by the coordinator.
  for (const [side, options] of [[40, {}], [40, { output: 'shared' }], [400, {}]]) {
    const job = host.run('mandelbrot', { width: side, height: side - 7, centerX: -0.5, centerY: 0, span: 3, maxIterations: 50 }, options);
    const { counts } = await job;
    assert.deepEqual(shapeOf(counts), [side - 7, side]);
    assert.equal(counts.length, side * (side - 7));
    job.release();
  }
});

test('thousands at once are each answered with their own, and leave the memory as it was', { timeout: 60_000 }, async (t) => {
  const host = await createHost({ threads: 2, maxMemory: 2 ** 27 });
  t.after(() => host.close());
  // All lanes, whose stacks take memory too, are there from the start.
  await host.warmUp();
  const round = async () => {
    const answers = await Promise.all(Array.from({ length: 3000 }, async (_, index) => {
      const data = new Uint32Array(1 + ((index * 37) % 9000)).fill(index);
      const job = host.run('noop', { data });
      // What its caller does with it from now on is nothing to the job.
      data.fill(0);
      if (index % 10 === 3) job.cancel();
      const answer = await job.catch((error) => (error.name === 'AbortError' ? undefined : assert.fail(error)));
      return answer === undefined || (answer.data.length === data.length && answer.data.every((number) => number === index));
    }));
    assert.ok(answers.every(Boolean));
  };
  await round();
  const before = sizeOf(host);
  for (let count = 0; count < 4; count += 1) await round();
  assert.ok(sizeOf(host) - before <= 4 << 20, `${(sizeOf(host) - before) >> 20} MiB more`);
});

test('outputs are whole wherever they lie in a memory that grows while they are made', { timeout: 60_000 }, async (t) => {
  const host = await createHost({ threads: 2, maxMemory: 2 ** 29 });
  t.after(() => host.close());
  const held = [];
  const given = bytes(100_000, 11);
  const sorted = given.slice().sort();
  const before = sizeOf(host);
  for (let count = 0; count < 2000; count += 1) {
    // What is lent and not released makes each output lie further up than the last.
    const job = host.run('sort', { data: given }, { output: count % 3 === 0 ? 'copy' : 'shared' });
    const { data } = await job;
    assert.equal(Buffer.compare(Buffer.from(data.buffer, data.byteOffset, data.length), sorted), 0, `job ${count}`);
    held.push(job);
  }
  assert.ok(sizeOf(host) - before > 100 << 20, 'it has grown');
  for (const job of held) job.release();
});

test('what is released is free for the next job, and more at once than the ring holds', { timeout: 60_000 }, async (t) => {
  const host = await createHost({ threads: 2, maxMemory: 2 ** 29 });
  t.after(() => host.close());
  // All lanes, whose stacks take memory too, are there from the start.
  await host.warmUp();
  const data = bytes(40_000, 12);
  const lend = () => host.run('sort', { data }, { output: 'shared' });
  const many = async (count) => {
    const jobs = Array.from({ length: count }, lend);
    await Promise.all(jobs);
    for (const job of jobs) job.release();
  };
  await many(3000);
  const before = sizeOf(host);
  for (let round = 0; round < 3; round += 1) await many(3000);
  for (let count = 0; count < 2000; count += 1) {
    const job = lend();
    await job;
    job.release();
  }
  assert.ok(sizeOf(host) - before <= 2 << 20, `${(sizeOf(host) - before) >> 20} MiB more`);
  // The coordinator takes memory for a large input in memory of its caller's that is shared.
  const large = host.run('sort', { data: host.alloc(Uint8Array, 64 << 20) }, { output: 'shared' });
  await large;
  large.release();
  const after = sizeOf(host);
  await host.run('hash', { data: new Uint8Array(new SharedArrayBuffer(64 << 20)), algorithm: 'blake3' });
  assert.ok(sizeOf(host) - after <= 2 << 20, `${(sizeOf(host) - after) >> 20} MiB more for an input that the coordinator copies`);
});

test('jobs one after the other have one lane, however late it is seen to be done', { timeout: 60_000 }, async (t) => {
  const host = await createHost({ threads: 2 });
  t.after(() => host.close());
  const data = host.alloc(Uint8Array, 4 << 20);
  for (let count = 0; count < 120; count += 1) await host.run('hash', { data, algorithm: 'sha256' });
  assert.equal(host.stats().lanes.length, 1);
});

test('bad params beside an array are told as ever', { timeout: 30_000 }, async (t) => {
  const host = await createHost({ threads: 2 });
  t.after(() => host.close());
  const data = new Float32Array(100);
  await assert.rejects(host.run('fft', { data, length: 7.5 }), { code: 'BAD_PARAMS', field: 'length' });
  await assert.rejects(host.run('fft', { data: new Int8Array(4) }), { code: 'BAD_PARAMS', field: 'data', message: /Float32Array/ });
  await assert.rejects(host.run('sort', { data, order: 'sideways' }), { code: 'BAD_PARAMS', field: 'order' });
  assert.equal((await host.run('sort', { data, order: 'ascending' })).data.length, 100);
});

test('parts are there before an end that would fit the control block', { timeout: 60_000 }, async (t) => {
  const host = await createHost({ threads: 2 });
  t.after(() => host.close());
  const text = new TextEncoder().encode('abcdefghi\n'.repeat(400_000) + 'needle\n');
  for (let round = 0; round < 30; round += 1) {
    const job = host.run('search', { data: text, pattern: 'needle' });
    let seen = 0;
    for await (const part of job) seen += part.starts.length;
    const whole = (await job).starts.length;
    assert.equal(seen, whole, 'every match was in a part');
    assert.equal(whole, 1);
  }
});

// Otherwise every fourth vector of theirs would lie in two lines of the cache (src/allocator.rs).
test('large outputs begin at a line of the cache, small ones where they may', { timeout: 60_000 }, async (t) => {
  const host = await createHost({ threads: 2 });
  t.after(() => host.close());
  for (const length of [1, 1000, 2048, 2049, 5000, 100_003, 1_000_001]) {
    const data = host.alloc(Float64Array, length);
    data.forEach((_, index) => (data[index] = length - index));
    const job = host.run('sort', { data }, { output: 'shared' });
    const { data: sorted } = await job;
    if (length >= 2048) assert.equal(sorted.byteOffset % 64, 0, `${length} f64`);
    assert.ok(sorted.every((number, index) => number === index + 1));
    job.release();
  }
});
