// Memory for large outputs is made ready while their kernels run (www/host/worker/rooms.ts, `Job::will_return`).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadSource } from '../../www/build/load.mjs';
import { bytes, createHost, endless } from './helpers.mjs';

const { module: { Rooms, unwritten } } = await loadSource('www/host/worker/rooms.ts', 'rooms.mjs');
const { module: { ControlTable } } = await loadSource('www/host/shared/control.ts', 'control.mjs');

const MIB = 2 ** 20;

/** Rooms of a table in which some jobs run, each in the slot of its number. */
function open(...jobs) {
  const table = new ControlTable(new WebAssembly.Memory({ initial: 8, maximum: 8, shared: true }), 0);
  for (const id of jobs) {
    table.clear(id, { id, streaming: false, lend: false });
    table.publish(id, 0, new Uint8Array(0), []);
  }
  return { table, rooms: new Rooms(table) };
}

test('a room is for its job only, of exactly its size, and taken once', () => {
  const { rooms } = open(1, 2);
  rooms.open(1, 1, 3 * MIB + 5);
  rooms.open(1, 1, 2 * MIB);
  assert.equal(rooms.take(2, 2 * MIB), undefined);
  assert.equal(rooms.take(1, 3 * MIB), undefined);
  assert.equal(rooms.take(1, 2 * MIB).byteLength, 2 * MIB);
  assert.equal(rooms.take(1, 2 * MIB), undefined);
  assert.equal(rooms.take(1, 3 * MIB + 5).byteLength, 3 * MIB + 5);
});

test('the work on a room is in pieces, and ends', () => {
  const { rooms } = open(1);
  assert.equal(rooms.work(), false);
  rooms.open(1, 1, 3 * MIB + 5);
  assert.deepEqual(Array.from({ length: 6 }, () => rooms.work()), [true, true, true, true, false, false]);
  assert.ok(rooms.take(1, 3 * MIB + 5));
});

test('the rooms of jobs that are gone are given up, also where the slot has another', () => {
  const { table, rooms } = open(1, 2, 3);
  for (const id of [1, 2, 3]) rooms.open(id, id, 2 * MIB);
  table.free(1);
  table.clear(2, { id: 9, streaming: false, lend: false });
  table.publish(2, 0, new Uint8Array(0), []);
  rooms.work();
  assert.deepEqual([1, 2, 9].map((id) => rooms.take(id, 2 * MIB)), [undefined, undefined, undefined]);
  assert.equal(rooms.take(3, 2 * MIB).byteLength, 2 * MIB);
});

test('memory that is not zeroed is of the size that was asked for, and can be moved', () => {
  for (const size of [0, 1, MIB - 1, MIB, 3 * MIB + 5]) {
    const buffer = unwritten(size);
    assert.equal(buffer.byteLength, size);
    const moved = structuredClone(buffer, { transfer: [buffer] });
    assert.deepEqual([buffer.byteLength, moved.byteLength], [0, size]);
  }
  assert.throws(() => unwritten(2 ** 60), RangeError);
});

test('what cannot be had is no error', () => {
  const { rooms } = open(1);
  rooms.open(1, 1, 2 ** 60);
  assert.equal(rooms.work(), false);
  assert.equal(rooms.take(1, 2 ** 60), undefined);
});

test('the output of a running kernel finds its memory, and one that is cancelled gives it back', { timeout: 60_000 }, async (t) => {
  const host = await createHost({ threads: 1 });
  t.after(() => host.close());
  const size = endless.width * endless.height * 4;
  const resident = () => process.memoryUsage.rss();
  /** Starts a job, and ends it when `enough` says so of the memory that it takes, or after 10 s; returns that. */
  async function grown(options, enough) {
    const before = resident();
    const job = host.run('mandelbrot', endless, options);
    job.catch(() => {});
    const until = Date.now() + 10_000;
    while (!enough(resident() - before) && Date.now() < until) await new Promise((resolve) => setTimeout(resolve, 10));
    const grown = resident() - before;
    job.cancel();
    await job.stopped;
    return grown;
  }
  // The instance's own memory for it stays: only the first job finds that.
  const own = await grown({ output: 'shared' }, (more) => more >= 0.9 * size);
  assert.ok(own >= 0.9 * size, `${own} bytes more in the instance`);
  const more = await grown({}, (more) => more >= 0.9 * size);
  assert.ok(more >= 0.9 * size, `${more} bytes more for the copy`);
  if (!ArrayBuffer.prototype.transfer) return;
  const until = Date.now() + 10_000;
  const held = resident();
  while (held - resident() < 0.9 * size && Date.now() < until) await new Promise((resolve) => setTimeout(resolve, 50));
  assert.ok(held - resident() >= 0.9 * size, `${held - resident()} bytes given back`);
});

test('a file that lies of what it holds is read as it is', async (t) => {
  const host = await createHost({ threads: 2 });
  t.after(() => host.close());
  const data = bytes(5 * MIB);
  const { gzipSync } = await import('node:zlib');
  const whole = gzipSync(data, { level: 1 });
  assert.deepEqual((await host.run('decompress', { data: whole })).data, data);
  // Of two members the last one's length stands at the end.
  const members = Buffer.concat([whole, gzipSync(data.subarray(0, 2 * MIB), { level: 1 })]);
  const { data: both } = await host.run('decompress', { data: members });
  assert.ok(Buffer.from(both.buffer).equals(Buffer.concat([data, data.subarray(0, 2 * MIB)])));
});
