// The command against references that share no code with it: NumPy, Pillow, hashlib and the BLAKE3 of its authors, on files as a user
// has them. The environment's PYTHON names a Python that has tests/references/requirements.txt.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
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

  async function decode(file) {
    const path = join(folder, file);
    const found = await reference('images.py', 'decoded', path, await kernel('image.decode', { data: `@${path}` }, 'pixels.npy'));
    assert.ok(found.levels > 1, JSON.stringify(found));
    return found;
  }
});
