// What a job gives: results, parts, progress, and inputs that arrive as they were given.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { bytes, createHost, ERROR_CODES, naiveMandelbrot, sha256, shapeOf, view } from './helpers.mjs';

let host;
before(async () => {
  host = await createHost();
});
after(() => host.close());

test('the host says what it is', () => {
  assert.equal(host.backend, 'threads');
  assert.equal(host.artifact, 'threads');
  assert.match(host.why, /threads on shared memory/);
  assert.ok(host.threads >= 1);
  assert.ok(host.kernels.includes('mandelbrot'));
});

test('the memory of the threads artifact is really shared', async () => {
  const module = await WebAssembly.compile(readFileSync(new URL('../../pkg/loomwork.threads.wasm', import.meta.url)));
  const memories = WebAssembly.Module.imports(module).filter(({ kind }) => kind === 'memory');
  assert.equal(memories.length, 1);
  const imports = {};
  for (const { module: from, name, kind } of WebAssembly.Module.imports(module)) {
    imports[from] ??= {};
    imports[from][name] =
      kind === 'memory' ? new WebAssembly.Memory({ initial: 1024, maximum: 65536 })
      : kind === 'function' ? () => {}
      : kind === 'tag' ? new WebAssembly.Tag({ parameters: ['externref'] })
      : undefined;
  }
  await assert.rejects(WebAssembly.instantiate(module, imports), /shared/);
});

test('results equal the definition on every backend, artifact and number of threads', async () => {
  const expected = naiveMandelbrot(view);
  const places = [
    ...[1, 2, 3, 4, 8].map((threads) => ({ backend: 'threads', threads })),
    { backend: 'workers', artifact: 'simd' },
    { backend: 'workers', artifact: 'baseline' },
    { backend: 'inline' },
  ];
  for (const options of places) {
    const other = await createHost(options);
    const { counts } = await other.run('mandelbrot', view);
    assert.deepEqual(counts, expected, JSON.stringify(options));
    assert.deepEqual(shapeOf(counts), [view.height, view.width]);
    await other.close();
  }
});

for (const backend of ['threads', 'workers', 'inline']) {
  test(`parts cover the picture exactly once (${backend})`, async () => {
    const other = await createHost({ backend });
    const job = other.run('mandelbrot', view);
    const seen = new Uint8Array(view.width * view.height);
    const picture = new Uint32Array(view.width * view.height);
    for await (const { x, y, width, height, counts } of job) {
      for (let row = 0; row < height; row += 1) {
        for (let column = 0; column < width; column += 1) {
          const at = (y + row) * view.width + x + column;
          seen[at] += 1;
          picture[at] = counts[row * width + column];
        }
      }
    }
    assert.ok(seen.every((times) => times === 1));
    assert.deepEqual(picture, (await job).counts);
    await other.close();
  });

  test(`progress rises to its total (${backend})`, async () => {
    const other = await createHost({ backend });
    const seen = [];
    const job = other.run('mandelbrot', { ...view, width: 1200, height: 900, maxIterations: 3000 }, { onProgress: (progress) => seen.push(progress) });
    await job;
    const fractions = seen.map(({ fraction }) => fraction);
    assert.deepEqual(fractions, [...fractions].sort((a, b) => a - b));
    assert.equal(fractions.at(-1), 1);
    assert.equal(job.progress.fraction, 1);
    assert.equal(job.progress.done, job.progress.total);
    assert.equal(job.state, 'done');
    assert.ok(job.timing.running > 0);
    await other.close();
  });
}

test('workers send parts to whoever iterates at once, many in a message, and else none', async (t) => {
  const { emit } = Worker.prototype;
  t.after(() => {
    Worker.prototype.emit = emit;
  });
  let parts = [];
  Worker.prototype.emit = function heard(type, message, ...more) {
    if (type === 'message' && message?.type === 'events') parts.push(message.events.filter(({ kind }) => kind === 'part').length);
    return emit.call(this, type, message, ...more);
  };
  const other = await createHost({ backend: 'workers', threads: 1 });
  t.after(() => other.close());
  const large = { ...view, width: 1200, height: 900, maxIterations: 100 };
  await other.run('mandelbrot', large);
  assert.equal(parts.reduce((sum, count) => sum + count, 0), 0);
  parts = [];
  const job = other.run('mandelbrot', large);
  let seen = 0;
  for await (const part of job) seen += part.counts.length;
  const sent = parts.reduce((sum, count) => sum + count, 0);
  assert.equal(seen, 1200 * 900);
  assert.ok(sent > 100 && parts.filter(Boolean).length < sent / 2, `${sent} parts in ${parts.length} messages: ${parts}`);
});

test('many jobs at once are each answered with their own result', async () => {
  const inputs = Array.from({ length: 200 }, (_, index) => bytes(100 + index, index + 1));
  const outputs = await Promise.all(inputs.map((data) => host.run('hash', { data, algorithm: 'sha256' })));
  assert.deepEqual(outputs.map(({ hex }) => hex), inputs.map(sha256));
});

test('every kind of binary input arrives as its bytes', async () => {
  const data = bytes(1000);
  const shared = new Uint8Array(new SharedArrayBuffer(1000));
  shared.set(data);
  const inside = new Uint8Array(1200);
  inside.set(data, 100);
  const forms = {
    Uint8Array: data,
    'a view of a part': inside.subarray(100, 1100),
    ArrayBuffer: data.slice().buffer,
    DataView: new DataView(data.slice().buffer),
    Buffer: Buffer.from(data),
    Uint8ClampedArray: new Uint8ClampedArray(data),
    'shared memory': shared,
    SharedArrayBuffer: shared.buffer,
    'a list of numbers': [...data],
  };
  for (const [form, given] of Object.entries(forms)) {
    const { hex } = await host.run('hash', { data: given, algorithm: 'sha256' });
    assert.equal(hex, sha256(data), form);
  }
});

test('small inputs are copied at once: what the caller does next is not seen', async () => {
  const data = bytes(1000);
  const expected = sha256(data);
  const job = host.run('hash', { data, algorithm: 'sha256' });
  data.fill(0);
  assert.equal((await job).hex, expected);
});

test('large inputs are copied without holding the event loop, and left as they were', async () => {
  const data = bytes(48 << 20);
  const job = host.run('hash', { data, algorithm: 'sha256' });
  let turns = 0;
  const count = () => {
    turns += 1;
    if (job.state === 'queued') setImmediate(count);
  };
  setImmediate(count);
  assert.equal((await job).hex, sha256(data));
  assert.ok(turns > 10, `the event loop turned ${turns} times during the copy`);
});

test('transferred inputs are moved', async () => {
  const data = bytes(5 << 20);
  const expected = sha256(data);
  const { hex } = await host.run('hash', { data, algorithm: 'sha256' }, { transfer: [data.buffer] });
  assert.equal(hex, expected);
  assert.equal(data.byteLength, 0);
});

test('sorting keeps the kind of array', async () => {
  for (const data of [new Float64Array([3, NaN, -0, 0, -Infinity]), new BigInt64Array([3n, -5n]), new Uint8ClampedArray([9, 1]), new Int16Array(0)]) {
    const expected = data.slice().sort();
    const sorted = await host.run('sort', { data });
    assert.equal(sorted.data.constructor, data.constructor);
    assert.deepEqual(sorted.data, expected);
  }
});

test('an ImageData-like object is an image', async () => {
  class ImageData {
    #data = new Uint8ClampedArray([255, 0, 0, 255]);
    get width() { return 1; }
    get height() { return 1; }
    get data() { return this.#data; }
    get colorSpace() { return 'srgb'; }
  }
  const { image } = await host.run('image.resize', { image: new ImageData(), width: 2, height: 2 });
  assert.deepEqual(image, { width: 2, height: 2, data: new Uint8ClampedArray([255, 0, 0, 255, 255, 0, 0, 255, 255, 0, 0, 255, 255, 0, 0, 255]) });
});

test('every error code is documented', () => {
  for (const [code, doc] of Object.entries(ERROR_CODES)) assert.ok(/^[A-Z_]+$/.test(code) && doc.length > 20, code);
});
