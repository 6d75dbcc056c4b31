// Pictures in files: read where a kernel takes an image, written by their extension.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { data, folder, picture, readNpy, run } from './support.mjs';

const SIGNATURES = { png: '89504e470d0a1a0a', jpg: 'ffd8ff', jpeg: 'ffd8ff', webp: '52494646' };

async function pixelsOf(path, t) {
  const out = join(folder(t), 'pixels.npy');
  const { code, stderr } = await run(['run', 'image.decode', '-p', `data=@${path}`, '-o', out]);
  assert.equal(code, 0, stderr);
  return readNpy(out);
}

for (const [extension, signature] of Object.entries(SIGNATURES)) {
  test(`an image is written as .${extension} and read again`, async (t) => {
    const out = join(folder(t), `small.${extension}`);
    const { code, stdout, stderr } = await run(['run', 'image.resize', '-p', `image=@${picture}`, '-p', 'width=50', '-p', 'height=40', '-o', out]);
    assert.equal(code, 0, stderr);
    assert.equal(stdout, '');
    assert.ok(readFileSync(out).toString('hex').startsWith(signature));
    assert.deepEqual((await pixelsOf(out, t)).shape, [40, 50, 4]);
    const again = await run(['run', 'image.resize', '-p', `image=@${out}`, '-p', 'width=10', '-p', 'height=10']);
    assert.equal(again.stdout, 'image: image of 10×10 pixels\n');
  });
}

test('a file without loss holds the pixels that -o .npy gives', async (t) => {
  const out = folder(t);
  for (const name of ['a.png', 'a.webp']) assert.equal((await run(['run', 'image.decode', '-p', `data=@${picture}`, '-o', join(out, name)])).code, 0);
  const pixels = await pixelsOf(picture, t);
  assert.deepEqual(pixels.shape, [872, 1000, 4]);
  for (const name of ['a.png', 'a.webp']) assert.ok((await pixelsOf(join(out, name), t)).data.equals(pixels.data), name);
});

test('--quality decides the size of a JPEG', async (t) => {
  const out = folder(t);
  const sizes = [];
  for (const quality of [10, 95]) {
    const path = join(out, `q${quality}.jpg`);
    assert.equal((await run(['run', 'image.decode', '-p', `data=@${picture}`, '-o', path, '--quality', String(quality)])).code, 0);
    sizes.push(readFileSync(path).length);
  }
  assert.ok(sizes[0] * 3 < sizes[1], `${sizes}`);
});

test('bytes that a kernel gives are written under any name', async (t) => {
  const out = join(folder(t), 'file.dat');
  const { code } = await run(['run', 'image.encode', '-p', `image=@${picture}`, '-p', 'format=png', '-o', out]);
  assert.equal(code, 0);
  assert.ok(readFileSync(out).toString('hex').startsWith(SIGNATURES.png));
});

test('an image comes through standard input', async () => {
  const { stdout } = await run(['run', 'image.resize', '-p', 'image=@-', '-p', 'width=4', '-p', 'height=3', '--json'], { stdin: readFileSync(picture) });
  const { image } = JSON.parse(stdout).output;
  assert.deepEqual([image.width, image.height, image.data.type, image.data.data.length], [4, 3, 'Uint8ClampedArray', 48]);
});

test('a damaged picture is named, with its param', async (t) => {
  const path = join(folder(t), 'cut.png');
  writeFileSync(path, readFileSync(join(data, 'image/decode-grey.png')).subarray(0, 60));
  const { code, stderr } = await run(['run', 'image.resize', '-p', `image=@${path}`, '-p', 'width=4', '-p', 'height=3']);
  assert.match(stderr, /error: image: .*cut\.png cannot be decoded: .*\[BAD_PARAMS\]/);
  assert.equal(code, 2);
});

test('an array of another shape is no image', async () => {
  const { code, stderr } = await run(['run', 'image.resize', '-p', `image=@${data}npy/u1.npy`, '-p', 'width=4', '-p', 'height=3']);
  assert.match(stderr, /must hold uint8 of the shape \(height, width, 4\) to be an image, it holds Uint8Array of the shape \(6\)/);
  assert.equal(code, 2);
});
