// The command against references that share no code with it: NumPy, Pillow, hashlib and the BLAKE3 of its authors, on files as a user
// has them. The environment's PYTHON names a Python that has tests/references/requirements.txt.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { flags, picture, run } from '../cli/support.mjs';

const { PYTHON } = process.env;
if (!PYTHON) throw new Error('PYTHON must name a Python with NumPy, Pillow and blake3: run ./build.sh test references');
// Before any test, so that a missing package is one clear failure.
await python('-c', 'import blake3, numpy, PIL').catch((error) => {
  throw new Error(`PYTHON (${PYTHON}) cannot be used: run ./build.sh setup test\n${error.stderr ?? error.message}`);
});

let folder;
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'loomwork-references-'));
});
after(() => rmSync(folder, { recursive: true, force: true }));

async function python(...args) {
  const { stdout } = await promisify(execFile)(PYTHON, args, { maxBuffer: 1 << 26 });
  return stdout;
}

/** What one of the scripts beside this file prints. */
async function reference(script, ...args) {
  const out = await python(fileURLToPath(new URL(script, import.meta.url)), ...args.map(String));
  return out === '' ? undefined : JSON.parse(out);
}

/** Runs a kernel by the command; its output goes to a file, whose path is returned. */
async function kernel(name, params, out) {
  const path = join(folder, out);
  const { code, stderr } = await run(['run', name, ...flags(params), '-o', path]);
  assert.equal(code, 0, stderr);
  return path;
}

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
      const found = await reference('mandelbrot.py', await kernel('mandelbrot', params, 'counts.npy'), JSON.stringify(params));
      assert.deepEqual(found.shape, [params.height, params.width]);
      assert.equal(found.dtype, '<u4');
      assert.equal(found.different, 0, `the first at ${found.first}`);
      assert.ok(found.levels > 3, 'the view shows something');
      t.diagnostic(`${found.levels} different counts`);
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

test('hash equals hashlib and blake3', async (t) => {
  const files = [picture];
  for (const length of [0, 1, 1_000_000]) {
    const path = join(folder, `${length}.bin`);
    writeFileSync(path, Uint8Array.from({ length }, (_, index) => (index * 31 + (index >> 8)) & 255));
    files.push(path);
  }
  const wanted = await reference('hashes.py', ...files);
  for (const [path, hashes] of Object.entries(wanted)) {
    for (const [algorithm, hex] of Object.entries(hashes)) {
      const { code, stdout, stderr } = await run(['run', 'hash', ...flags({ data: `@${path}`, algorithm }), '--json']);
      assert.equal(code, 0, stderr);
      assert.equal(JSON.parse(stdout).output.hex, hex, `${algorithm} of ${path}`);
    }
  }
  assert.equal(Object.keys(wanted).length, 4);
  t.diagnostic(`SHA-256 of the photo ${wanted[picture].sha256}`);
});

describe('images against Pillow', () => {
  before(async () => {
    await reference('images.py', 'make', picture, folder);
  });

  /** Decoders of lossy files may round differently; lossless ones have no say. */
  const exact = ['photo.png', 'rgb.png', 'alpha.png', 'grey.png', 'grey-alpha.png', 'two-tone.png', 'palette.png', 'palette-clear.png', 'lossless.webp', 'lossless-alpha.webp'];
  const near = ['full.jpg', 'half.jpg', 'progressive.jpg', 'grey.jpg', 'lossy.webp', 'lossy-alpha.webp'];

  for (const file of exact) {
    test(`${file} decodes to Pillow's pixels`, async () => {
      const found = await decode(file);
      assert.equal(found.most, 0, JSON.stringify(found));
    });
  }
  for (const file of near) {
    test(`${file} decodes to within one level of Pillow's pixels, in the mean`, async (t) => {
      const found = await decode(file);
      assert.ok(found.mean <= 1, JSON.stringify(found));
      t.diagnostic(`mean ${found.mean.toFixed(4)}, at most ${found.most}`);
    });
  }

  for (const [what, file, width, height] of [
    ['the photo, down', 'photo.png', 333, 291],
    ['the photo, far down', 'photo.png', 41, 36],
    ['the photo, up', 'photo.png', 1555, 1356],
    ['the photo, out of proportion', 'photo.png', 1400, 300],
    ['an image with alpha, down', 'alpha.png', 97, 65],
    ['an image with alpha, up', 'alpha.png', 700, 471],
  ]) {
    test(`image.resize of ${what} is within one level of Pillow's LANCZOS, in the mean`, async (t) => {
      const path = join(folder, file);
      const pixels = await kernel('image.resize', { image: `@${path}`, width, height }, 'resized.npy');
      const found = await reference('images.py', 'resized', path, pixels, width, height);
      assert.deepEqual(found.shape, [height, width, 4]);
      // Of what can hardly be seen only rounding is left: colours count by their alpha.
      assert.ok(found.seenMean <= 1, JSON.stringify(found));
      if (file === 'photo.png') assert.ok(found.mean <= 1, JSON.stringify(found));
      else assert.ok(found.alphas > 50, 'the image has soft edges');
      t.diagnostic(`mean ${found.seenMean.toFixed(4)}, at most ${found.seenMost.toFixed(1)}`);
    });
  }

  for (const [what, file, params, kind, size] of [
    ['the photo, softly', 'photo.png', { sigma: 1.3 }, 'gaussian', 1.3],
    ['the photo, strongly', 'photo.png', { sigma: 21 }, 'gaussian', 21],
    ['an image with alpha', 'alpha.png', { sigma: 4 }, 'gaussian', 4],
    ['the photo, a box', 'photo.png', { radius: 6 }, 'box', 6],
    ['an image with alpha, a box', 'alpha.png', { radius: 40 }, 'box', 40],
  ]) {
    test(`image.blur of ${what} is NumPy's convolution`, async (t) => {
      const path = join(folder, file);
      const pixels = await kernel('image.blur', { image: `@${path}`, ...params }, 'blurred.npy');
      const found = await reference('images.py', 'blurred', path, pixels, kind, size);
      assert.ok(found.seenMost <= 1 && found.seenMean <= 0.05, JSON.stringify(found));
      assert.ok(found.levels > 20, 'the picture shows something');
      t.diagnostic(`mean ${found.seenMean.toFixed(4)}, at most ${found.seenMost.toFixed(2)}`);
    });
  }

  for (const [what, file, op, params, most] of [
    ['the photo', 'photo.png', 'crop', { x: 17, y: 300, width: 801, height: 99 }, 0],
    ['a quarter', 'alpha.png', 'rotate', { angle: 90 }, 0],
    ['three quarters, mirrored', 'alpha.png', 'rotate', { angle: -90, flip: 'horizontal' }, 0],
    ['some degrees', 'photo.png', 'rotate', { angle: 23.5 }, 2],
    ['many degrees, mirrored, over a colour', 'alpha.png', 'rotate', { angle: -200.25, flip: 'vertical', background: [10, 200, 30, 128] }, 3],
    ['all amounts', 'photo.png', 'color', { gamma: 1.8, brightness: 1.3, contrast: 0.8, saturate: 1.7, hueRotate: 75, grayscale: 0.3, sepia: 0.4, invert: 0.2 }, 1],
    ['hue and saturation with alpha', 'alpha.png', 'color', { saturate: 3, hueRotate: -130 }, 1],
    ['sharpening', 'photo.png', 'convolve', { kernel: [[0, -1, 0], [-1, 5, -1], [0, -1, 0]] }, 0],
    ['edges', 'alpha.png', 'convolve', { kernel: [[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]], bias: 128, edges: 'mirror' }, 0],
    ['motion, wrapped around', 'photo.png', 'convolve', { kernel: [Array.from({ length: 31 }, (_, index) => 31 - index)], edges: 'wrap' }, 1],
    ['a cross, alpha too', 'alpha.png', 'convolve', { kernel: [[0, 1, 0], [1, 4, 1], [0, 1, 0]], edges: 'transparent', keepAlpha: false }, 2],
  ]) {
    test(`image.${op} of ${file}, ${what}, is NumPy's`, async (t) => {
      const path = join(folder, file);
      const given = Object.fromEntries(Object.entries(params).map(([key, value]) => [key, typeof value === 'object' ? JSON.stringify(value) : value]));
      const pixels = await kernel(`image.${op}`, { image: `@${path}`, ...given }, 'changed.npy');
      const found = await reference('images.py', 'changed', path, pixels, op, JSON.stringify(params));
      assert.ok(found.seenMost <= most && found.seenMean <= 0.2 * most, JSON.stringify(found));
      assert.ok(found.levels > 20, 'the picture shows something');
      t.diagnostic(`mean ${found.seenMean.toFixed(4)}, at most ${found.seenMost.toFixed(2)}`);
    });
  }

  test('image.pipeline is Pillow, step by step', async (t) => {
    const steps = [
      { op: 'crop', x: 120, y: 80, width: 700, height: 500 },
      { op: 'resize', width: 333, height: 291, filter: 'lanczos3' },
      { op: 'rotate', angle: 90 },
      { op: 'encode', format: 'png' },
    ];
    const path = join(folder, 'photo.png');
    const { code, stderr } = await run(['run', 'image.pipeline', '-p', `data=@${path}`, '-p', `steps=${JSON.stringify(steps)}`, '-o', join(folder, 'pipeline.json')]);
    assert.equal(code, 0, stderr);
    const { data, width, height } = JSON.parse(readFileSync(join(folder, 'pipeline.json'), 'utf8'));
    writeFileSync(join(folder, 'pipeline.png'), Uint8Array.from(data));
    assert.deepEqual([width, height], [291, 333]);
    const found = await reference('images.py', 'pipeline', path, join(folder, 'pipeline.png'));
    assert.deepEqual(found.shape, [333, 291, 4]);
    assert.ok(found.mean <= 1 && found.most <= 3, JSON.stringify(found));
    t.diagnostic(`mean ${found.mean.toFixed(4)}, at most ${found.most}`);
  });

  async function decode(file) {
    const path = join(folder, file);
    const found = await reference('images.py', 'decoded', path, await kernel('image.decode', { data: `@${path}` }, 'pixels.npy'));
    assert.ok(found.levels > 1, JSON.stringify(found));
    return found;
  }
});
