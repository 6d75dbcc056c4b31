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
  async 'image.encode'(host) {
    for (const format of ['png', 'webp']) {
      const { data } = await host.run('image.encode', { image: image(), format });
      same((await host.run('image.decode', { data })).image.data, pixels, `${format} there and back`);
    }
    const { data } = await host.run('image.encode', { image: image(), format: 'jpeg', quality: 90 });
    same(data.subarray(0, 3), [0xff, 0xd8, 0xff], 'begin of a JPEG');
  },
};
