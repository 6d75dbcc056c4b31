// Kernels of numbers against NumPy, exact fractions and formulas.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { run } from '../cli/support.mjs';
import { folder, kernel, reference } from './support.mjs';

describe('mandelbrot equals NumPy in every element', () => {
  const views = {
    'the whole set': { width: 600, height: 400, centerX: -0.5, centerY: 0, span: 3, maxIterations: 500 },
    'a seahorse, deep': { width: 320, height: 240, centerX: -0.743643887037151, centerY: 0.13182590420533, span: 1e-9, maxIterations: 3000 },
    'so deep that pixels share their numbers': { width: 64, height: 64, centerX: -0.7436438870371587, centerY: 0.13182590420531, span: 4e-15, maxIterations: 8000 },
    'odd sides': { width: 257, height: 131, centerX: -1.25, centerY: 0.02, span: 0.4, maxIterations: 700 },
    'one column': { width: 1, height: 333, centerX: -0.2, centerY: 0.1, span: 0.007, maxIterations: 300 },
    'one row': { width: 333, height: 1, centerX: -0.7, centerY: 0.3, span: 1.5, maxIterations: 300 },
  };
  for (const [what, params] of Object.entries(views)) {
    test(what, async (t) => {
      // As JSON, for on the command line they would be text, of which deep pictures are made exactly.
      const found = await reference('mandelbrot.py', await kernel('mandelbrot', params, 'counts.npy', ['--params', JSON.stringify(params)]), JSON.stringify(params));
      assert.deepEqual(found.shape, [params.height, params.width]);
      assert.equal(found.dtype, '<u4');
      assert.equal(found.different, 0, `the first at ${found.first}`);
      assert.ok(found.levels > 3, 'the view shows something');
      t.diagnostic(`${found.levels} different counts`);
    });
  }
});

// Rounding decides a few pixels of a picture: those whose orbits pass next to the edge of the set.
describe('a deep mandelbrot equals Python\'s integers in 99 of 100 elements', () => {
  const seahorse = { centerX: '-0.743643887037158704752191506114774', centerY: '0.131825904205311970493132056385139' };
  const copy = { centerX: '-0.776610592599701758140357569190843768673', centerY: '0.134608961675028200069809650880503159321' };
  const views = {
    'a seahorse, just too deep for f64': { width: 30, height: 20, ...seahorse, span: '6e-14', maxIterations: 6000 },
    'beside a small copy of the set': { width: 16, height: 12, ...copy, span: '1e-29', maxIterations: 7000 },
    'a branch, below the least f64': { width: 16, height: 12, centerX: '0', centerY: '1', span: '5e-400', maxIterations: 4000 },
  };
  for (const [what, params] of Object.entries(views)) {
    test(what, async (t) => {
      const found = await reference('mandelbrot.py', await kernel('mandelbrot', params, 'counts.npy'), JSON.stringify(params));
      assert.deepEqual(found.shape, [params.height, params.width]);
      assert.ok(found.different <= (params.width * params.height) / 100, `${found.different}, the first at ${found.first}`);
      assert.ok(found.levels > 3, 'the view shows something');
      t.diagnostic(`${found.levels} different counts, ${found.different} others than Python's`);
    });
  }
});

describe('sort and argsort equal NumPy', () => {
  const LARGE = 10_000_000;
  const SMALL = 100_003;

  before(async () => {
    await reference('sorting.py', 'make', '<f8', LARGE, join(folder, 'large.npy'));
  });

  for (const order of ['ascending', 'descending']) {
    test(`10 million f64 with NaN, infinities and both zeros, ${order}`, async () => {
      const input = join(folder, 'large.npy');
      const found = await reference('sorting.py', 'sorted', input, await kernel('sort', { data: `@${input}`, order }, 'sorted.npy'), order);
      assert.equal(found.dtype, '<f8');
      assert.equal(found.same, true);
      assert.equal(found.zeros, true, '-0 comes below +0');
      assert.ok(found.nans > LARGE / 20);
    });

    test(`argsort of 10 million f64, ${order}`, async () => {
      const input = join(folder, 'one-zero.npy');
      await reference('sorting.py', 'one-zero', join(folder, 'large.npy'), input);
      const found = await reference('sorting.py', 'argsorted', input, await kernel('argsort', { data: `@${input}`, order }, 'indices.npy'), order);
      assert.deepEqual(found, { dtype: '<u4', same: true });
    });
  }

  for (const dtype of ['<i1', '<u1', '<i2', '<u2', '<i4', '<u4', '<i8', '<u8', '<f4', '<f8']) {
    test(`${dtype}: sort and argsort, both orders`, async () => {
      const input = join(folder, 'small.npy');
      await reference('sorting.py', 'make', dtype, SMALL, input);
      const oneZero = join(folder, 'small-one-zero.npy');
      if (dtype.startsWith('<f')) await reference('sorting.py', 'one-zero', input, oneZero);
      for (const order of ['ascending', 'descending']) {
        const found = await reference('sorting.py', 'sorted', input, await kernel('sort', { data: `@${input}`, order }, 'sorted.npy'), order);
        assert.equal(found.same, true, `sort, ${order}`);
        assert.notEqual(found.zeros, false, `zeros, ${order}`);
        assert.equal(found.dtype, found.wantedDtype);
        const data = dtype.startsWith('<f') ? oneZero : input;
        const places = await reference('sorting.py', 'argsorted', data, await kernel('argsort', { data: `@${data}`, order }, 'indices.npy'), order);
        assert.deepEqual(places, { dtype: '<u4', same: true }, `argsort, ${order}`);
      }
    });
  }

  test('<f2: sorted where Node has Float16Array, refused in words where it has not', async () => {
    const input = join(folder, 'half.npy');
    await reference('sorting.py', 'make', '<f2', SMALL, input);
    if (globalThis.Float16Array) {
      const found = await reference('sorting.py', 'sorted', input, await kernel('sort', { data: `@${input}` }, 'sorted.npy'), 'ascending');
      assert.equal(found.same, true);
      assert.equal(found.zeros, true);
      assert.equal(found.dtype, '<f2');
    } else {
      const { code, stderr } = await run(['run', 'sort', '-p', `data=@${input}`, '-o', join(folder, 'sorted.npy')]);
      assert.equal(code, 2);
      assert.match(stderr, /float16/);
    }
  });
});

describe('matmul is NumPy\'s product to within rounding', () => {
  for (const [dtype, m, k, n, transposeA, transposeB] of [
    ['<f4', 333, 517, 421, false, false],
    ['<f8', 333, 517, 421, false, false],
    ['<f4', 1000, 1, 77, false, true],
    ['<f8', 1, 100_003, 1, false, false],
    ['<f8', 257, 300, 129, true, false],
    ['<f4', 64, 2048, 65, true, true],
  ]) {
    test(`${dtype} ${m}×${k}×${n}${transposeA ? ', a by columns' : ''}${transposeB ? ', b by columns' : ''}`, async (t) => {
      const [a, b] = [join(folder, 'a.npy'), join(folder, 'b.npy')];
      await reference('numeric.py', 'make', dtype, JSON.stringify(transposeA ? [k, m] : [m, k]), 1, a);
      await reference('numeric.py', 'make', dtype, JSON.stringify(transposeB ? [n, k] : [k, n]), 2, b);
      const c = await kernel('matmul', { a: `@${a}`, b: `@${b}`, transposeA, transposeB }, 'c.npy');
      const found = await reference('numeric.py', 'matmul', a, b, c, Number(transposeA), Number(transposeB));
      assert.deepEqual([found.shape, found.dtype], [[m, n], dtype]);
      assert.ok(found.error < (dtype === '<f4' ? 1e-6 : 1e-15), JSON.stringify(found));
      t.diagnostic(`off by ${found.error.toExponential(1)} in the mean`);
    });
  }
});

describe('fft is NumPy\'s to within rounding', () => {
  for (const [what, dtype, shape, params] of [
    ['2²⁰ complex numbers', '<f8', [1 << 20, 2], {}],
    ['2²⁰ complex numbers', '<f4', [1 << 20, 2], {}],
    ['a prime of them, back', '<f8', [100_003, 2], { inverse: true }],
    ['a prime of them', '<f4', [100_003, 2], {}],
    ['rows of 1001', '<f8', [37, 1001, 2], {}],
    ['rows of 360, back', '<f4', [50, 360, 2], { inverse: true }],
    ['real rows of an even length', '<f8', [21, 4096], { real: true }],
    ['real rows of an odd length', '<f4', [21, 625], { real: true }],
    ['rows of 65,536', '<f4', [3, 65_536, 2], {}],
    ['real rows of 1024', '<f4', [300, 1024], { real: true }],
    ['real rows of 1024, back', '<f4', [300, 513, 2], { real: true, inverse: true, length: 1024 }],
    ['a long real row', '<f8', [1, 1_000_000], { real: true }],
    ['real rows of an even length, back', '<f8', [9, 501, 2], { real: true, inverse: true, length: 1000 }],
    ['real rows of an odd length, back', '<f4', [9, 501, 2], { real: true, inverse: true, length: 1001 }],
    ['a matrix', '<f4', [512, 768, 2], { dimensions: 2 }],
    ['a matrix of prime sides, back', '<f8', [101, 211, 2], { dimensions: 2, inverse: true }],
    ['a real matrix', '<f8', [300, 500], { dimensions: 2, real: true }],
    ['a real matrix, back', '<f8', [300, 251, 2], { dimensions: 2, real: true, inverse: true, length: 500 }],
    ['a real matrix of odd sides, back', '<f4', [99, 64, 2], { dimensions: 2, real: true, inverse: true, length: 127 }],
  ]) {
    test(`${what}, ${dtype}`, async (t) => {
      const input = join(folder, 'in.npy');
      await reference('numeric.py', 'make', dtype, JSON.stringify(shape), 3, input);
      const output = await kernel('fft', { data: `@${input}`, ...params }, 'out.npy');
      const found = await reference('numeric.py', 'fft', input, output, JSON.stringify(params));
      assert.equal(found.dtype, dtype);
      assert.equal(found.sameShape, true, JSON.stringify(found));
      assert.ok(found.error < (dtype === '<f4' ? 6e-7 : 2e-15), JSON.stringify(found));
      t.diagnostic(`off by ${found.error.toExponential(1)} in the mean`);
    });
  }
});

test('nbody is a leapfrog in NumPy to within rounding', async (t) => {
  const [positions, velocities, masses] = ['positions', 'velocities', 'masses'].map((name) => join(folder, `${name}.npy`));
  await reference('numeric.py', 'make', '<f8', '[300, 3]', 4, positions);
  await reference('numeric.py', 'make', '<f8', '[300, 3]', 5, velocities);
  await reference('numeric.py', 'make', '<f8', '[300]', 6, masses);
  const params = { steps: 50, timeStep: 0.001, softening: 0.1, gravity: 0.7 };
  const output = await kernel('nbody', { positions: `@${positions}`, velocities: `@${velocities}`, masses: `@${masses}`, ...params }, 'nbody/');
  const found = await reference('numeric.py', 'nbody', positions, velocities, masses, output, JSON.stringify(params));
  assert.deepEqual(found.shape, [300, 3]);
  assert.ok(found.moved > 0.01, 'the bodies have moved');
  assert.ok(found.error < 1e-12, JSON.stringify(found));
  t.diagnostic(`off by ${found.error.toExponential(1)} in the mean`);
});

describe('numbers against NumPy, exact fractions and formulas', () => {
  let made = 0;

  /** An array made by `data.py`. */
  async function array(verb, ...args) {
    made += 1;
    const path = join(folder, `numbers-${made}.npy`);
    await reference('data.py', verb, ...args, path);
    return path;
  }

  /** Runs a kernel and asks `data.py` what is wrong with what it gives. */
  async function check(name, params, verb, inputs, ...args) {
    made += 1;
    const out = await kernel(name, params, `numbers-${made}/`);
    assert.deepEqual((await reference('data.py', verb, ...inputs, out, ...args)).wrong, []);
  }

  for (const dtype of ['<i1', '<u1', '<i2', '<u2', '<i4', '<u4', '<i8', '<u8', '<f4', '<f8']) {
    test(`${dtype}: a description, quantiles, a histogram, the greatest and the least`, async () => {
      const input = await array('make', dtype, 70_001, 5);
      const data = `@${input}`;
      await check('stats.describe', { data }, 'describe', [input]);
      const q = JSON.stringify([0.5, 0.03, 0.25, 0.9, 1 / 3]);
      await check('stats.quantiles', { data, q }, 'quantiles', [input], q);
      await check('stats.histogram', { data, bins: 37 }, 'histogram', [input], 37);
      for (const order of ['ascending', 'descending']) {
        const whole = dtype.startsWith('<f') ? await array('finite', dtype, 70_001, 7) : input;
        await check('topk', { data: `@${whole}`, k: 500, order }, 'topk', [whole], 500, order);
      }
    });
  }

  for (const dtype of ['<f4', '<f8']) {
    test(`${dtype}: sums, means and variances of numbers of all sizes are rounded once`, async () => {
      for (const length of [2, 1000, 20_011]) {
        const input = await array('finite', dtype, length, length);
        await check('stats.describe', { data: `@${input}` }, 'describe', [input]);
      }
    });
  }

  test('a histogram between edges', async () => {
    const input = await array('make', '<f8', 50_000, 9);
    const edges = JSON.stringify([-100, -1, -0.5, 0, 0, 0.25, 3, 1000]);
    await check('stats.histogram', { data: `@${input}`, edges }, 'histogram', [input], edges);
  });

  for (const [groups, values] of [[3, '<f4'], [900, '<f4'], [40, '<i4']]) {
    test(`groupby of ${groups} keys, values ${values}`, async () => {
      const keys = await array('keys', 100_003, groups, 11);
      const numbers = values === '<i4' ? await array('make', values, 100_003, 13) : await array('finite', values, 100_003, 13);
      await check('groupby', { keys: `@${keys}`, values: `@${numbers}` }, 'groupby', [keys, numbers]);
    });
  }

  test('kmeans', async () => {
    const input = await array('clouds', 5000, 6, 15);
    await check('kmeans', { data: `@${input}`, dimensions: 6, k: 7, seed: 1 }, 'kmeans', [input], 7);
  });

  for (const metric of ['euclidean', 'cosine', 'dot']) {
    test(`knn, ${metric}`, async () => {
      const [input, queries] = [await array('clouds', 5003, 48, 17), await array('clouds', 37, 48, 19)];
      const params = { data: `@${input}`, queries: `@${queries}`, dimensions: 48, k: 12, metric };
      await check('knn', params, 'knn', [input, queries], 12, metric);
    });
  }

  for (const metric of ['euclidean', 'cosine', 'dot']) {
    test(`knn.index and knn.search, ${metric}`, async (t) => {
      const [input, queries] = [await array('clouds', 20_003, 48, 17), await array('clouds', 137, 48, 19)];
      const index = await kernel('knn.index', { data: `@${input}`, dimensions: 48, metric }, `index-${metric}/`);
      const fields = Object.fromEntries(['centroids', 'offsets', 'order', 'vectors'].map((field) => [field, `@${join(index, `${field}.npy`)}`]));
      const params = { ...fields, dimensions: 48, metric, queries: `@${queries}`, k: 12 };
      // 141 lists are all: then it is exact.
      await check('knn.search', { ...params, probes: 141 }, 'knn', [input, queries], 12, metric);
      const found = await reference('data.py', 'recall', input, queries, await kernel('knn.search', { ...params, probes: 28 }, `found-${metric}/`), 12, metric);
      assert.deepEqual(found.wrong, []);
      assert.ok(found.recall >= 0.9, `${found.recall}`);
      t.diagnostic(`recall ${found.recall.toFixed(3)} of 28 probes in 141 lists`);
    });
  }

  for (const [what, params] of Object.entries({
    'a european call': { option: 'call', spot: 100, strike: 110, years: 0.75, rate: 0.03, volatility: 0.3, paths: 500_000 },
    'a european put': { option: 'put', spot: 40, strike: 45, years: 2, rate: 0.01, volatility: 0.15, paths: 500_000 },
    'an asian call': { option: 'call', style: 'asian', spot: 100, strike: 100, years: 1, rate: 0.05, volatility: 0.2, steps: 12, paths: 200_000 },
    'an asian put': { option: 'put', style: 'asian', spot: 100, strike: 120, years: 3, rate: 0.02, volatility: 0.4, steps: 30, paths: 100_000 },
  })) {
    test(`montecarlo, ${what}`, async () => {
      await check('montecarlo', params, 'montecarlo', [JSON.stringify(params)]);
    });
  }
});
