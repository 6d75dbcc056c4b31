// Kernels of images against Pillow.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { picture, run } from '../cli/support.mjs';
import { folder, kernel, reference } from './support.mjs';

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
    writeFileSync(join(folder, 'pipeline.png'), Uint8Array.from(data.data));
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
