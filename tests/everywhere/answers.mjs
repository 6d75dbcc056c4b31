// Each kernel with small params and its right answer, known without this package: published values, definitions in plain JavaScript, and
// round trips.
import { naiveMandelbrot, view } from '../host/mandelbrot.mjs';
import { equal, same } from './expect.mjs';

const abc = Uint8Array.of(97, 98, 99);
const hashesOfAbc = {
  sha256: 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
  blake3: '6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85',
};
/** 3 × 2 pixels, no two alike, some of them translucent; and the same as a PNG file (made with zlib). */
const pixels = Uint8Array.of(
  255, 0, 0, 255, 0, 255, 0, 128, 0, 0, 255, 64,
  10, 20, 30, 255, 200, 100, 50, 200, 255, 255, 255, 255,
);
const png = Uint8Array.from(
  atob('iVBORw0KGgoAAAANSUhEUgAAAAMAAAACCAYAAACddGYaAAAAHklEQVR42mP4z8DwHwgbgJQDA5eI3P8TKUYn/gMBAIHFDBpSPsgPAAAAAElFTkSuQmCC'),
  (char) => char.charCodeAt(0),
);
const image = () => ({ width: 3, height: 2, data: pixels });
const numbers = Float64Array.of(3, -1, NaN, 0, -0, Infinity, 3, 2.5, -Infinity);

/** What each kernel does with a host, by the kernel's name. */
export const answers = {
  async noop(host) {
    equal(Object.keys(await host.run('noop', {})).length, 0, 'noop');
  },
  async mandelbrot(host) {
    same((await host.run('mandelbrot', view)).counts, naiveMandelbrot(view), 'mandelbrot');
  },
  async hash(host) {
    for (const [algorithm, expected] of Object.entries(hashesOfAbc)) equal((await host.run('hash', { data: abc, algorithm })).hex, expected, algorithm);
  },
  async sort(host) {
    same((await host.run('sort', { data: numbers })).data, [-Infinity, -1, -0, 0, 2.5, 3, 3, Infinity, NaN], 'sorted numbers');
    const wide = BigInt64Array.of(5n, -7n, 2n ** 62n);
    same((await host.run('sort', { data: wide, order: 'descending' })).data, [2n ** 62n, 5n, -7n], 'sorted bigints');
  },
  async argsort(host) {
    same((await host.run('argsort', { data: numbers })).indices, [8, 1, 4, 3, 7, 0, 6, 5, 2], 'argsorted numbers');
  },
  async 'image.decode'(host) {
    const { image: decoded, format } = await host.run('image.decode', { data: png });
    equal(format, 'png', 'format');
    equal(`${decoded.width} × ${decoded.height}`, '3 × 2', 'size');
    same(decoded.data, pixels, 'decoded pixels');
  },
  async 'image.resize'(host) {
    const { image: resized } = await host.run('image.resize', { image: image(), width: 6, height: 4, filter: 'nearest' });
    for (let y = 0; y < 4; y += 1) {
      for (let x = 0; x < 6; x += 1) {
        const from = ((y >> 1) * 3 + (x >> 1)) * 4;
        same(resized.data.subarray((y * 6 + x) * 4, (y * 6 + x) * 4 + 4), pixels.subarray(from, from + 4), `pixel ${x}, ${y}`);
      }
    }
    // A picture of one colour keeps it, whatever the filter.
    const grey = (width, height) => ({ width, height, data: new Uint8Array(width * height * 4).map((_, index) => (index % 4 === 3 ? 255 : 77)) });
    const { image: small } = await host.run('image.resize', { image: grey(31, 17), width: 7, height: 40, filter: 'lanczos3' });
    same(small.data, grey(7, 40).data, 'grey');
  },
  async 'image.blur'(host) {
    // A white point on black becomes the square of the box, each pixel a ninth of it.
    const point = { width: 7, height: 5, data: new Uint8Array(140).map((_, index) => (index % 4 === 3 || index >> 2 === 17 ? 255 : 0)) };
    const { image: box } = await host.run('image.blur', { image: point, radius: 1 });
    const expected = (index) => (index % 4 === 3 ? 255 : Math.abs(((index >> 2) % 7) - 3) <= 1 && Math.abs(Math.floor(index / 28) - 2) <= 1 ? 28 : 0);
    same(box.data, point.data.map((_, index) => expected(index)), 'box blur of a point');
    const { image: soft } = await host.run('image.blur', { image: point, sigma: 1 });
    equal([soft.data[68], soft.data[72], soft.data[100]].join(), '41,25,15', 'gaussian blur of a point');
  },
  async 'image.crop'(host) {
    const { image: cut } = await host.run('image.crop', { image: image(), x: 1, y: 1, width: 2, height: 1 });
    same(cut.data, pixels.subarray(16, 24), 'the last two pixels');
  },
  async 'image.rotate'(host) {
    const { image: turned } = await host.run('image.rotate', { image: image(), angle: 90 });
    equal(`${turned.width} × ${turned.height}`, '2 × 3', 'size');
    same(turned.data.subarray(0, 8), [...pixels.subarray(12, 16), ...pixels.subarray(0, 4)], 'the first column is the first row');
    const { image: mirrored } = await host.run('image.rotate', { image: image(), flip: 'vertical' });
    same(mirrored.data, [...pixels.subarray(12), ...pixels.subarray(0, 12)], 'rows change places');
    const { image: slanted } = await host.run('image.rotate', { image: image(), angle: 45, background: [1, 2, 3, 255] });
    same(slanted.data.subarray(0, 4), [1, 2, 3, 255], 'a corner');
  },
  async 'image.color'(host) {
    const { image: negative } = await host.run('image.color', { image: image(), invert: 1 });
    same(negative.data, pixels.map((value, index) => (index % 4 === 3 ? value : 255 - value)), 'negative');
    const { image: light } = await host.run('image.color', { image: image(), gamma: 2 });
    same(light.data, pixels.map((value, index) => (index % 4 === 3 ? value : Math.round(Math.sqrt(value / 255) * 255))), 'square roots');
  },
  async 'image.convolve'(host) {
    // What lies to the right of a pixel; the last column goes on.
    const { image: moved } = await host.run('image.convolve', { image: image(), kernel: [[0, 0, 1]] });
    same(moved.data.subarray(0, 3), pixels.subarray(4, 7), 'the first pixel is the second');
    same(moved.data.subarray(8, 11), pixels.subarray(8, 11), 'the last stays');
    equal(moved.data[3], pixels[3], 'alpha');
  },
  async 'image.pipeline'(host) {
    const steps = [{ op: 'rotate', angle: 180 }, { op: 'color', invert: 1 }, { op: 'crop', x: 0, y: 0, width: 2, height: 2 }];
    const { image: result } = await host.run('image.pipeline', { data: png, steps });
    const place = (index) => 20 - (index >> 2) * 4 - (index >= 8 ? 4 : 0) + (index % 4);
    same(result.data, Uint8Array.from({ length: 16 }, (_, index) => (index % 4 === 3 ? pixels[place(index)] : 255 - pixels[place(index)])), 'three steps');
    const { data, width } = await host.run('image.pipeline', { image: image(), steps: [{ op: 'encode', format: 'png' }] });
    same((await host.run('image.decode', { data })).image.data, pixels, 'a file');
    equal(width, 3, 'width');
  },
  async 'image.encode'(host) {
    for (const format of ['png', 'webp']) {
      const { data } = await host.run('image.encode', { image: image(), format });
      same((await host.run('image.decode', { data })).image.data, pixels, `${format} there and back`);
    }
    const { data } = await host.run('image.encode', { image: image(), format: 'jpeg', quality: 90 });
    same(data.subarray(0, 3), [0xff, 0xd8, 0xff], 'begin of a JPEG');
  },
};
