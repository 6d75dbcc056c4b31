// Fuzzing of the JavaScript API: whatever is given to it, at whatever moment, each promise settles once and within a bound, a failure is one of the
// typed errors, and the host goes on. `./build.sh fuzz` runs it for minutes, the tests a moment of it; tests/fuzz/corpus.mjs holds what it has found.
import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { createHost, LoomworkError } from '../../pkg/node.js';

/** What is not settled after so long hangs. */
const HANG_MS = 30_000;
/** Jobs are cancelled after so long: their params may ask for hours. */
const PATIENCE_MS = 150;
const GIVEN_UP = new Error('the fuzzer gave up');

/** What hostile values throw: not ours, and where the caller's own code is called for it (a list that is mapped) given as it is. */
class Own extends Error {}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Resolves as the promise does; rejects when it takes too long. */
function within(promise, what) {
  let timer;
  const hung = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new assert.AssertionError({ message: `${what} hangs` })), HANG_MS);
  });
  return Promise.race([promise, hung]).finally(() => clearTimeout(timer));
}

/** The codes of the errors that callers may see, from the package's own list. */
const CODES = new Set(['BAD_PARAMS', 'UNKNOWN_KERNEL', 'KERNEL_ERROR', 'OUT_OF_MEMORY', 'QUEUE_FULL', 'HOST_CLOSED', 'START_FAILED', 'UNSUPPORTED']);

/** Fails unless it is an error that a caller is promised; returns its code. */
export function checkError(error, reasons = []) {
  if (reasons.includes(error)) return 'reason';
  if (error instanceof LoomworkError) {
    assert.ok(CODES.has(error.code), `${error.code}: ${error.message}`);
    assert.ok(error.message.length > 0 && error.message.length < 5000, `a message of ${error.message.length} characters`);
    return error.code;
  }
  assert.ok(error instanceof DOMException && ['AbortError', 'TimeoutError'].includes(error.name), `not a typed error: ${error?.stack ?? String(error)}`);
  return error.name;
}

/** Stands for a hostile value, which cannot be printed, until it is used. */
class Strange {
  constructor(make, fc) {
    this.make = make;
    this[fc.toStringMethod] = () => `strange(${String(make)})`;
  }
}

/** Puts the hostile values in. */
function real(value) {
  if (value instanceof Strange) return value.make();
  if (typeof value !== 'object' || value === null || ![Object.prototype, null].includes(Object.getPrototypeOf(value))) return value;
  const fields = Object.entries(value);
  return fields.some(([, field]) => field instanceof Strange) ? Object.fromEntries(fields.map(([key, field]) => [key, real(field)])) : value;
}

/** A value that is hostile in a way that fast-check's own are not. */
function strange(fc) {
  const cyclic = {};
  cyclic.self = cyclic;
  const deep = Array.from({ length: 500 }).reduce((inner) => [inner], 1);
  const detached = () => {
    const array = new Uint8Array(8);
    structuredClone(array.buffer, { transfer: [array.buffer] });
    return array;
  };
  const makers = [
    () => cyclic,
    () => deep,
    detached,
    () => Object.defineProperty({}, 'data', { enumerable: true, get() { throw new Own('a getter that throws'); } }),
    () => new Proxy({}, { ownKeys() { throw new Own('a proxy that throws'); } }),
    () => new Proxy([], { get() { throw new Own('a proxy that throws'); } }),
    () => JSON.parse('{"__proto__": {"width": 1}, "data": 1}'),
    () => ({ $array: 0 }),
    () => ({ width: 2, height: 2, data: new Uint8ClampedArray(16) }),
    () => new Uint8Array(new SharedArrayBuffer(64), 3, 17),
    () => new Float64Array(new ArrayBuffer(64, { maxByteLength: 128 })),
    () => new Uint32Array(new SharedArrayBuffer(64, { maxByteLength: 128 })),
    () => new DataView(new ArrayBuffer(24), 5),
    () => Buffer.from('a buffer'),
    () => new ArrayBuffer(0),
    () => new (class Strange { data = 1; })(),
    () => 2n ** 80n,
    () => 2n ** 63n,
    () => Symbol('strange'),
    () => function strange() {},
    () => Promise.resolve(1),
    () => new WeakMap(),
    () => '\ud800 alone',
    () => 'x'.repeat(100_000),
    () => Object.freeze({ data: Object.freeze([1, 2, 3]) }),
    () => ({ then(resolve) { resolve('thenable'); } }),
    () => ({ toString() { throw new Own('no text'); }, [Symbol.toPrimitive]() { throw new Own('no primitive'); } }),
  ];
  return fc.nat(makers.length - 1).map((index) => new Strange(makers[index], fc));
}

function values(fc) {
  const anything = fc.anything({ withBigInt: true, withDate: true, withMap: true, withNullPrototype: true, withObjectString: true, withSet: true, withSparseArray: true, withTypedArray: true });
  const number = fc.oneof(fc.nat(300), fc.constantFrom(-1, -0, 0.5, NaN, Infinity, 65_535, 65_536, 2 ** 31, 2 ** 32, 2 ** 53, 1e300), fc.double());
  return { anything: fc.oneof({ weight: 3, arbitrary: anything }, { weight: 2, arbitrary: strange(fc) }, { weight: 2, arbitrary: number }), number };
}

/** Params that are valid but for what is changed. */
function params(fc, { anything, number }) {
  const image = { width: 6, height: 5, data: new Uint8ClampedArray(120).map((_, index) => index * 7) };
  const valid = {
    mandelbrot: { width: 40, height: 30, centerX: -0.5, centerY: '0', span: '3e-20', maxIterations: 60 },
    hash: { data: new Uint8Array(1000).fill(3), algorithm: 'blake3' },
    sort: { data: Float64Array.from({ length: 100 }, (_, index) => (index * 37) % 11), order: 'descending' },
    argsort: { data: Int16Array.from({ length: 100 }, (_, index) => (index * 37) % 11) },
    matmul: { a: new Float32Array(15).fill(2), b: new Float32Array(6).fill(3), m: 5, k: 3, n: 2, transposeA: true, strideB: 2 },
    fft: { data: new Float64Array(24).fill(1), length: 6, dimensions: 2, real: true, inverse: false },
    nbody: { positions: Float64Array.from({ length: 9 }, (_, index) => index), masses: new Float64Array(3).fill(1), steps: 3, timeStep: 0.1, softening: 0 },
    topk: { data: Float32Array.from({ length: 100 }, (_, index) => (index * 37) % 11), k: 7, order: 'ascending' },
    groupby: { keys: Int8Array.from({ length: 100 }, (_, index) => (index * 37) % 11), values: new Float64Array(100).fill(0.5) },
    'stats.describe': { data: Float32Array.from({ length: 100 }, (_, index) => (index * 37) % 11), partial: true },
    'stats.quantiles': { data: Uint8Array.from({ length: 100 }, (_, index) => (index * 37) % 11), q: [0.5] },
    'stats.histogram': { data: Float64Array.from({ length: 100 }, (_, index) => (index * 37) % 11), bins: 7, range: [0, 9] },
    kmeans: { data: Float32Array.from({ length: 120 }, (_, index) => (index * 37) % 11), dimensions: 3, k: 4, seed: 5, maxIterations: 9, tolerance: 0.1 },
    knn: { data: Float32Array.from({ length: 120 }, (_, index) => (index * 37) % 11), queries: new Float32Array(6), dimensions: 3, k: 4, metric: 'cosine' },
    'knn.index': { data: Float32Array.from({ length: 120 }, (_, index) => (index * 37) % 11), dimensions: 3, metric: 'dot', lists: 5, seed: 2 },
    'knn.search': { centroids: Float32Array.of(0, 10), offsets: Uint32Array.of(0, 2, 5), order: Uint32Array.of(1, 3, 0, 2, 4), vectors: Float32Array.of(1, 2, 9, 10, 11), dimensions: 1, queries: new Float32Array(6), k: 4, probes: 2 },
    montecarlo: { option: 'call', style: 'asian', spot: 100, strike: 90, years: 1, rate: 0.05, dividend: 0, volatility: 0.2, steps: 4, paths: 500, seed: 1 },
    compress: { data: new Uint8Array(1000).fill(3), format: 'gzip', level: 1 },
    decompress: { data: Uint8Array.of(3, 0), format: 'deflate', maxBytes: 10_000 },
    'hash.many': { data: new Uint8Array(1000).fill(3), lengths: Uint32Array.of(600, 0, 400), algorithm: 'sha256' },
    search: { data: new Uint8Array(1000).fill(97), pattern: 'a+', ignoreCase: true, maxMatches: 3 },
    'image.resize': { image, width: 9, height: 3, filter: 'lanczos3' },
    'image.blur': { image, sigma: 1.5 },
    'image.crop': { image, x: 1, y: 0, width: 3, height: 4 },
    'image.rotate': { image, angle: 33.5, flip: 'vertical' },
    'image.color': { image, gamma: 2.2, invert: 1 },
    'image.convolve': { image, kernel: [[1, -0.5, 2]], edges: 'mirror' },
    'image.pipeline': { image, steps: [{ op: 'blur', sigma: 0.7 }, { op: 'encode', format: 'png' }] },
    'image.encode': { image, format: 'webp' },
    'image.decode': { data: new Uint8Array(50) },
    noop: {},
  };
  const arrays = [new Uint8Array(0), new Float32Array([NaN, -0, 0, Infinity]), new BigInt64Array([5n, -3n]), new Float64Array(5000).map((_, index) => -index), new Uint8ClampedArray(120)];
  const names = Object.keys(valid);
  const value = fc.oneof({ weight: 2, arbitrary: number }, { weight: 1, arbitrary: fc.constantFrom(...arrays) }, { weight: 1, arbitrary: anything });
  const field = fc.oneof({ weight: 9, arbitrary: fc.nat(6) }, { weight: 1, arbitrary: fc.string() });
  const changes = fc.array(fc.record({ field, value }), { maxLength: 2 });
  const changed = fc.record({ name: fc.constantFrom(...names), changes }).map(({ name, changes: list }) => {
    const fields = Object.keys(valid[name]);
    const out = { ...valid[name] };
    for (const { field, value } of list) out[typeof field === 'number' ? (fields[field % Math.max(1, fields.length)] ?? 'more') : field] = value;
    return { name, params: out };
  });
  const wild = fc.record({ name: fc.oneof(fc.constantFrom(...names), anything), params: anything });
  return fc.oneof({ weight: 3, arbitrary: changed }, { weight: 1, arbitrary: wild });
}

function runOptions(fc, { anything, number }) {
  const odd = (good) => fc.oneof({ weight: 30, arbitrary: good }, { weight: 1, arbitrary: anything });
  return fc.option(
    odd(
      fc.record(
        {
          timeout: odd(fc.constantFrom(1, 5, 50)),
          priority: odd(fc.oneof({ weight: 5, arbitrary: fc.integer({ min: -100, max: 100 }) }, { weight: 1, arbitrary: number })),
          caller: odd(fc.string()),
          output: odd(fc.constantFrom('copy', 'shared')),
          onProgress: odd(fc.constant(() => {})),
          signal: odd(fc.constantFrom('none', 'aborted', 'soon').map((when) => (when === 'aborted' ? AbortSignal.abort(GIVEN_UP) : when === 'soon' ? AbortSignal.timeout(2) : new AbortController().signal))),
          transfer: odd(fc.constant([])),
        },
        { requiredKeys: [] },
      ),
    ),
    { nil: undefined },
  );
}

function hostOptions(fc, { anything }) {
  const odd = (good) => fc.oneof({ weight: 30, arbitrary: good }, { weight: 1, arbitrary: anything });
  return fc.record(
    {
      backend: odd(fc.constantFrom('auto', 'threads', 'workers', 'inline')),
      threads: odd(fc.constantFrom(1, 2, 3, 'auto')),
      artifact: odd(fc.constantFrom('auto', 'threads', 'simd', 'baseline')),
      maxMemory: odd(fc.constantFrom(2 ** 24, 2 ** 27, 2 ** 30)),
      concurrency: odd(fc.constantFrom(1, 2, 3)),
      maxQueue: odd(fc.constantFrom(0, 1, 5, Infinity)),
      aging: odd(fc.constantFrom(1, 500)),
      grace: odd(fc.constantFrom(200, 1000)),
      spin: odd(fc.constantFrom(0, 50)),
      slice: odd(fc.constantFrom(1, 8)),
      traceJobs: odd(fc.constantFrom(0, 3, 1000)),
      timeout: odd(fc.constantFrom(20, 1000)),
      startTimeout: odd(fc.constantFrom(5000, 30_000)),
    },
    { requiredKeys: [] },
  );
}

function isReason(error, options) {
  try {
    return error !== undefined && options?.signal?.reason === error;
  } catch {
    return false;
  }
}

/** Runs a job, gives up on it soon, and says how it ended. */
async function runOne(host, name, given, options, tally) {
  let job;
  try {
    job = host.run(name, given, options);
  } catch (error) {
    throw new assert.AssertionError({ message: `run threw instead of rejecting: ${error?.stack ?? String(error)}` });
  }
  const timer = setTimeout(() => job.cancel(GIVEN_UP), PATIENCE_MS);
  const outcome = await within(
    job.then(
      () => 'done',
      // A signal's reason is the caller's own, whatever it is.
      (error) => (isReason(error, options) ? 'reason' : checkError(error, [GIVEN_UP])),
    ),
    `a job of ${inspect(name)}`,
  );
  clearTimeout(timer);
  await within(job.stopped, `the stop of a job of ${inspect(name)}`);
  assert.ok(['done', 'failed', 'cancelled'].includes(job.state));
  if (outcome === 'done') job.release();
  tally[outcome] = (tally[outcome] ?? 0) + 1;
  return outcome;
}

/** The host still gives right answers. */
async function stillRight(host) {
  const { data } = await within(host.run('sort', { data: Float32Array.of(3, 1, 2) }), 'a known job');
  assert.deepEqual([...data], [1, 2, 3]);
}

const calls = ['run', 'cancel', 'pause', 'resume', 'resize', 'map', 'alloc', 'ready', 'stats', 'trace', 'warmUp', 'on', 'parts', 'wait', 'release', 'close'];

/** One step of a sequence. */
async function step(state, call, argument, job, tally) {
  const { host, jobs } = state;
  const settled = (promise) => state.promises.push(within(promise.then(() => {}, (error) => void checkError(error, [GIVEN_UP, undefined])), call));
  switch (call) {
    case 'run':
    case 'parts': {
      const started = host.run(job.name, job.params, typeof argument === 'object' && argument !== null ? undefined : argument);
      started.catch(() => {});
      jobs.push(started);
      setTimeout(() => started.cancel(GIVEN_UP), PATIENCE_MS);
      settled(started);
      if (call === 'parts') settled((async () => { for await (const part of started) void part; })());
      return;
    }
    case 'cancel':
      return jobs.at(-1)?.cancel(GIVEN_UP);
    case 'pause':
      host.pause();
      // Or nothing would ever end.
      setTimeout(() => host.resume(), 50);
      return;
    case 'resume':
      return host.resume();
    case 'resize':
      return settled(host.resize(typeof argument === 'number' && argument > 3 ? 2 : argument));
    case 'map': {
      const list = Array.isArray(argument) ? argument : [job.params, job.params];
      const all = (async () => { for await (const output of host.map(job.name, list, { concurrency: 2, timeout: PATIENCE_MS })) void output; })();
      return settled(all.catch((error) => { if (!(error instanceof Own)) throw error; }));
    }
    case 'alloc':
      try {
        host.alloc(Float32Array, argument);
      } catch (error) {
        checkError(error);
      }
      return;
    case 'ready':
      return settled(host.ready());
    case 'stats':
      return void JSON.stringify(host.stats());
    case 'trace':
      return void JSON.stringify(host.trace());
    case 'warmUp':
      return settled(host.warmUp('noop', {}));
    case 'on':
      try {
        state.offs.push(host.on(typeof argument === 'string' ? argument : 'crash', () => {}));
      } catch (error) {
        checkError(error);
      }
      return;
    case 'wait':
      return pause(3);
    case 'release':
      return jobs.at(-1)?.release();
    case 'close':
      tally.closed = (tally.closed ?? 0) + 1;
      return settled(host.close());
  }
}

/** Hears of each job before it is tried. */
export const audience = { trying: () => {} };

/** The properties by name: each takes fast-check, a tally of outcomes, and what must be open, and gives a property. */
export const properties = {
  'host options': (fc, tally) =>
    fc.asyncProperty(fc.oneof({ weight: 5, arbitrary: hostOptions(fc, values(fc)) }, { weight: 1, arbitrary: values(fc).anything }), async (options) => {
      let host;
      try {
        host = await within(createHost(real(options)), 'a start');
      } catch (error) {
        const code = checkError(error);
        tally[code] = (tally[code] ?? 0) + 1;
        return;
      }
      tally.opened = (tally.opened ?? 0) + 1;
      if (host.backend !== 'inline') await within(host.run('noop', {}).catch((error) => checkError(error)), 'a first job');
      await within(host.close(), 'a close');
    }),
  params: (fc, tally, hosts) =>
    fc.asyncProperty(fc.nat(hosts.length - 1), params(fc, values(fc)), runOptions(fc, values(fc)), async (at, job, options) => {
      audience.trying({ backend: hosts[at].backend, job, options });
      await runOne(hosts[at], real(job.name), real(job.params), real(options), tally);
      await stillRight(hosts[at]);
    }),
  sequences: (fc, tally) => {
    const any = values(fc);
    const steps = fc.array(fc.tuple(fc.constantFrom(...calls.slice(0, -1), ...calls), fc.oneof(any.number, any.anything), params(fc, any)), { minLength: 1, maxLength: 25 });
    return fc.asyncProperty(fc.constantFrom('threads', 'threads', 'workers'), steps, async (backend, list) => {
      const host = await within(createHost({ backend, threads: 2, concurrency: 2, maxQueue: 8, grace: 300, maxMemory: 2 ** 28 }), 'a start');
      const state = { host, jobs: [], promises: [], offs: [] };
      try {
        for (const [call, argument, { name, params: given }] of list) await step(state, call, real(argument), { name: real(name), params: real(given) }, tally);
        for (let settled = 0; settled < state.promises.length; settled += 1) await state.promises[settled];
        state.offs.forEach((off) => off());
        if (!list.some(([call]) => call === 'close')) await stillRight(host);
      } finally {
        await within(host.close(), 'a close');
      }
      tally.sequences = (tally.sequences ?? 0) + 1;
    });
  },
};

/** Hosts on which params are tried. */
export const openHosts = () =>
  Promise.all(
    ['threads', 'workers', 'inline'].map((backend) =>
      createHost({
        backend, threads: 2, grace: 500, maxMemory: 2 ** 29,
        // Where wasm cannot be suspended, a step of endless work keeps the timer of our patience from ringing: such a job is to end by its own.
        ...(backend === 'inline' && { timeout: 2000 }),
      }),
    ),
  );
