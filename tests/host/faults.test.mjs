// Faults end in typed errors within a bound: bad input, files that are not there, workers that die or never answer.
import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { after, before, test } from 'node:test';
import { createHost, endless, LoomworkError, naiveMandelbrot, view } from './helpers.mjs';

const fixture = (name) => new URL(`./fixtures/${name}`, import.meta.url);

let host;
before(async () => {
  host = await createHost();
});
after(() => host.close());

const image = { width: 2, height: 1, data: new Uint8Array(8) };
const resize = { image, width: 4, height: 4 };
const png = Uint8Array.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 13]);
const cycle = {};
cycle.self = cycle;

/** What is given, the code and the field of the error. */
const refused = [
  ['an unknown kernel', 'mandelbort', view, 'UNKNOWN_KERNEL'],
  ['a kernel that is no name', 7, view, 'BAD_PARAMS', 'kernel'],
  ['no params', 'mandelbrot', undefined, 'BAD_PARAMS'],
  ['params that are text', 'mandelbrot', 'x', 'BAD_PARAMS'],
  ['a missing field', 'mandelbrot', { ...view, span: undefined }, 'BAD_PARAMS', 'span'],
  ['an unknown field', 'mandelbrot', { ...view, spam: 1 }, 'BAD_PARAMS', 'spam'],
  ['text for a number', 'mandelbrot', { ...view, width: '100' }, 'BAD_PARAMS', 'width'],
  ['null for a number', 'mandelbrot', { ...view, width: null }, 'BAD_PARAMS', 'width'],
  ['a negative size', 'mandelbrot', { ...view, height: -1 }, 'BAD_PARAMS', 'height'],
  ['a huge size', 'mandelbrot', { ...view, width: 1e12 }, 'BAD_PARAMS', 'width'],
  ['a size over the limit', 'mandelbrot', { ...view, width: 70_000 }, 'BAD_PARAMS', 'width'],
  ['a NaN size', 'mandelbrot', { ...view, width: NaN }, 'BAD_PARAMS', 'width'],
  ['an infinite size', 'mandelbrot', { ...view, width: Infinity }, 'BAD_PARAMS', 'width'],
  ['a broken size', 'mandelbrot', { ...view, width: 1.5 }, 'BAD_PARAMS', 'width'],
  ['a NaN centre', 'mandelbrot', { ...view, centerX: NaN }, 'BAD_PARAMS', 'centerX'],
  ['a span of 0', 'mandelbrot', { ...view, span: 0 }, 'BAD_PARAMS', 'span'],
  ['no iterations', 'mandelbrot', { ...view, maxIterations: 0 }, 'BAD_PARAMS', 'maxIterations'],
  ['a function', 'mandelbrot', { ...view, width: () => 1 }, 'BAD_PARAMS', 'width'],
  ['a symbol', 'mandelbrot', { ...view, width: Symbol('x') }, 'BAD_PARAMS', 'width'],
  ['a Map', 'mandelbrot', { ...view, width: new Map() }, 'BAD_PARAMS', 'width'],
  ['a cycle', 'mandelbrot', { ...view, width: cycle }, 'BAD_PARAMS'],
  ['the reserved name', 'mandelbrot', { ...view, width: { $array: 0 } }, 'BAD_PARAMS', 'width.$array'],
  ['the wrong kind of array', 'hash', { data: new Float32Array(4), algorithm: 'sha256' }, 'BAD_PARAMS', 'data'],
  ['a number for an array', 'hash', { data: 5, algorithm: 'sha256' }, 'BAD_PARAMS', 'data'],
  ['an object for an array', 'hash', { data: { a: 1 }, algorithm: 'sha256' }, 'BAD_PARAMS', 'data'],
  ['an algorithm that does not exist', 'hash', { data: png, algorithm: 'md5' }, 'BAD_PARAMS', 'algorithm'],
  ['text to sort', 'sort', { data: 'cba' }, 'BAD_PARAMS', 'data'],
  ['an order that does not exist', 'sort', { data: new Int8Array(2), order: 'up' }, 'BAD_PARAMS', 'order'],
  ['a truncated png', 'image.decode', { data: png }, 'BAD_PARAMS', 'data'],
  ['no file at all', 'image.decode', { data: new Uint8Array(0) }, 'BAD_PARAMS', 'data'],
  ['an image with too few bytes', 'image.resize', { ...resize, image: { ...image, data: new Uint8Array(7) } }, 'BAD_PARAMS', 'image.data'],
  ['an image without a width', 'image.resize', { ...resize, image: { height: 1, data: new Uint8Array(4) } }, 'BAD_PARAMS', 'image.width'],
  ['an empty image', 'image.resize', { ...resize, image: { width: 0, height: 0, data: new Uint8Array(0) } }, 'BAD_PARAMS', 'image.width'],
  ['a target of width 0', 'image.resize', { ...resize, width: 0 }, 'BAD_PARAMS', 'width'],
  ['a filter that does not exist', 'image.resize', { ...resize, filter: 'magic' }, 'BAD_PARAMS', 'filter'],
  ['a format that does not exist', 'image.encode', { image, format: 'bmp' }, 'BAD_PARAMS', 'format'],
  ['a quality over 100', 'image.encode', { image, format: 'jpeg', quality: 101 }, 'BAD_PARAMS', 'quality'],
];

for (const [what, kernel, params, code, field] of refused) {
  test(`${what} is refused`, async () => {
    const error = await host.run(kernel, params).then(() => assert.fail('it was accepted'), (reason) => reason);
    assert.ok(error instanceof LoomworkError, String(error));
    assert.equal(error.code, code, error.message);
    if (field !== undefined) {
      assert.equal(error.field, field, error.message);
      assert.ok(error.message.startsWith(field), error.message);
    }
  });
}

test('a detached array is refused', async () => {
  const data = new Uint8Array(10);
  structuredClone(data.buffer, { transfer: [data.buffer] });
  await assert.rejects(host.run('hash', { data, algorithm: 'sha256' }), { code: 'BAD_PARAMS', field: 'data', message: /detached/ });
});

for (const [what, kernel, params] of [
  ['an input', 'hash', { data: new Uint8Array(100 << 20), algorithm: 'blake3' }],
  ['an output', 'mandelbrot', { ...view, width: 16_000, height: 16_000, maxIterations: 1 }],
  ['what a library allocates inside of a kernel', 'image.resize', { ...resize, width: 16_000, height: 16_000 }],
]) {
  test(`${what} that does not fit is OUT_OF_MEMORY, and the host works on`, { timeout: 60_000 }, async (t) => {
    const small = await createHost({ maxMemory: 2 ** 26, threads: 2 });
    t.after(() => small.close());
    await assert.rejects(small.run(kernel, params), { code: 'OUT_OF_MEMORY' });
    assert.deepEqual((await small.run('mandelbrot', view)).counts, naiveMandelbrot(view));
  });
}

const badOptions = [
  [{ threads: 0 }, 'threads'], [{ threads: 1.5 }, 'threads'], [{ threads: '4' }, 'threads'], [{ backend: 'gpu' }, 'backend'],
  [{ artifact: 'avx' }, 'artifact'], [{ maxMemory: -1 }, 'maxMemory'], [{ timeout: 0 }, 'timeout'], [{ startTimeout: NaN }, 'startTimeout'],
  [{ concurrency: 65 }, 'concurrency'], [{ maxQueue: -1 }, 'maxQueue'], [{ grace: 0 }, 'grace'], [{ spin: 5000 }, 'spin'], [{ slice: 'x' }, 'slice'], [{ aging: 0 }, 'aging'],
  [{ traceJobs: -1 }, 'traceJobs'], [{ thread: 4 }, 'thread'], [{ assets: 'x' }, 'assets'],
  [{ assets: { worker: 5 } }, 'assets.worker'], [{ assets: { wasm: 'x' } }, 'assets.wasm'], [{ assets: { wasm: { simd: {} } } }, 'assets.wasm.simd'], [7, 'options'],
];
for (const [options, field] of badOptions) {
  test(`createHost(${JSON.stringify(options)}) is refused`, async () => {
    await assert.rejects(async () => createHost(options), { code: 'BAD_PARAMS', field });
  });
}

const badRunOptions = [
  [{ signal: 1 }, 'signal'], [{ timeout: -5 }, 'timeout'], [{ transfer: 'x' }, 'transfer'], [{ transfer: [1] }, 'transfer[0]'],
  [{ onProgress: 1 }, 'onProgress'], [{ priority: 'high' }, 'priority'], [{ priority: 101 }, 'priority'], [{ caller: 5 }, 'caller'], [{ prority: 1 }, 'prority'],
];
for (const [options, field] of badRunOptions) {
  test(`run(…, ${JSON.stringify(options)}) is refused`, async () => {
    await assert.rejects(host.run('mandelbrot', view, options), { code: 'BAD_PARAMS', field });
  });
}

test('after all that bad input the host works', async () => {
  assert.deepEqual((await host.run('mandelbrot', view)).counts, naiveMandelbrot(view));
});

const badAssets = [
  ['a wasm file that is not there', { wasm: { threads: '/nowhere/loomwork.wasm' } }, /\/nowhere\/loomwork\.wasm/],
  ['a wasm file that is not wasm', { wasm: { threads: fileURLToPath(import.meta.url) } }, /faults\.test\.mjs cannot be loaded/],
  ['a worker that is not there', { worker: '/nowhere/worker.js' }, /\/nowhere\/worker\.js/],
  ['a worker that cannot be parsed', { worker: fixture('../../data/SOURCES.md') }, /coordinator|threads/],
];
for (const [what, assets, message] of badAssets) {
  test(`${what} is START_FAILED`, { timeout: 30_000 }, async () => {
    await assert.rejects(createHost({ backend: 'threads', assets }), (error) => {
      assert.equal(error.code, 'START_FAILED', String(error));
      assert.match(error.message, message);
      return true;
    });
  });
}

test('a worker that dies as soon as it has answered fails the start or the first job, and nothing hangs', { timeout: 60_000 }, async () => {
  const failed = { code: 'START_FAILED', message: /the worker ended by itself with code 0/ };
  for (let round = 0; round < 5; round += 1) {
    const started = await createHost({ threads: 3, assets: { worker: fixture('mayfly-worker.mjs') } }).then((value) => ({ value }), (error) => ({ error }));
    if (started.error) {
      assert.throws(() => { throw started.error; }, failed);
      continue;
    }
    // By then the host may be out of patience, or the job have been inside of two instances that died.
    const error = await started.value.run('noop', {}).then(() => assert.fail('it was answered'), (reason) => reason);
    assert.ok(['START_FAILED', 'KERNEL_CRASH'].includes(error.code), error.stack);
    await started.value.close();
  }
});

test('a worker that never answers is START_FAILED within its bound', { timeout: 30_000 }, async () => {
  const options = { assets: { worker: fixture('silent-worker.mjs') }, startTimeout: 300 };
  await assert.rejects(createHost({ ...options, backend: 'threads' }), { code: 'START_FAILED', message: /coordinator.*300 ms/ });
  await assert.rejects(createHost({ ...options, backend: 'workers' }), { code: 'START_FAILED', message: /worker.*300 ms/ });
});

test('what is asked for and cannot be had is UNSUPPORTED', async () => {
  await assert.rejects(createHost({ backend: 'threads', artifact: 'simd' }), { code: 'UNSUPPORTED', message: /artifact "simd"/ });
});
