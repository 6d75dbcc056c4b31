// Params of every kernel: small ones for the comparison of backends, and ones that take a while for the cancels.
import { readFileSync } from 'node:fs';

/** Numbers that look random and are the same each time (xorshift32). */
function random(seed) {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}

function filled(Type, length, next) {
  const array = new Type(new SharedArrayBuffer(length * Type.BYTES_PER_ELEMENT));
  for (let index = 0; index < length; index += 1) array[index] = next(index);
  return array;
}

function picture(width, height, seed, alpha) {
  const next = random(seed);
  const value = (index) => (index % 4 === 3 ? (alpha ? next() & 255 : 255) : ((index >> 4) & 127) + (next() & 63));
  return { width, height, data: filled(Uint8ClampedArray, width * height * 4, value) };
}

function floats(length, seed) {
  const next = random(seed);
  const odd = [NaN, -0, 0, Infinity, -Infinity, 5e-324];
  return filled(Float64Array, length, () => (next() % 50 === 0 ? odd[next() % odd.length] : (next() / 2 ** 31 - 1) * 1e6));
}

const photo = new Uint8Array(readFileSync(new URL('../data/hubble_deep_field.jpg', import.meta.url)));
const views = { seahorses: { centerX: -0.745, centerY: 0.11, span: 0.02 }, whole: { centerX: -0.5, centerY: 0, span: 3 } };

/** Each kernel by its name, with params that bring out what it does. */
export const cases = [
  ['noop', () => ({})],
  ['mandelbrot', () => ({ width: 701, height: 403, ...views.seahorses, maxIterations: 700 })],
  ['mandelbrot', () => ({ width: 97, height: 1201, ...views.whole, maxIterations: 300, rows: { first: 100, count: 777 } })],
  ['hash', () => ({ data: filled(Uint8Array, 5_000_011, random(3)), algorithm: 'blake3' })],
  ['hash', () => ({ data: filled(Uint8Array, 1_000_003, random(5)), algorithm: 'sha256' })],
  ['sort', () => ({ data: floats(400_000, 7), order: 'ascending' })],
  ['sort', () => ({ data: filled(Uint8Array, 300_000, random(9)), order: 'descending' })],
  ['sort', () => ({ data: filled(BigInt64Array, 200_000, ((next) => () => (BigInt(next()) << 32n) - 2n ** 62n)(random(11))), order: 'ascending' })],
  ['argsort', () => ({ data: floats(400_000, 13), order: 'descending' })],
  ['argsort', () => ({ data: filled(Uint16Array, 300_000, random(15)), order: 'ascending' })],
  ['image.resize', () => ({ image: picture(1203, 801, 17, true), width: 400, height: 650, filter: 'lanczos3' })],
  ['image.resize', () => ({ image: picture(640, 480, 19, false), width: 1500, height: 900, filter: 'bilinear' })],
  ['image.decode', () => ({ data: photo })],
  ['image.encode', () => ({ image: picture(500, 400, 21, true), format: 'png' })],
  ['image.encode', () => ({ image: picture(500, 400, 23, false), format: 'jpeg', quality: 85 })],
  ['image.encode', () => ({ image: picture(700, 500, 25, true), format: 'webp' })],
];

/** Params of a decoder: a file that the host itself has made. */
async function fileOf(host, format) {
  return { data: (await host.run('image.encode', { image: picture(3000, 2000, 1, false), format })).data };
}

/** Each kernel with params that keep it busy for some tens of milliseconds at least, for cancels in the middle; some need a host to make them. */
export const long = {
  mandelbrot: () => ({ width: 2000, height: 1500, centerX: -0.75, centerY: 0, span: 0.001, maxIterations: 400 }),
  'hash blake3': () => ({ data: filled(Uint8Array, 256 << 20, (index) => index), algorithm: 'blake3' }),
  'hash sha256': () => ({ data: filled(Uint8Array, 32 << 20, (index) => index), algorithm: 'sha256' }),
  sort: () => ({ data: filled(Float64Array, 8_000_000, random(1)), order: 'ascending' }),
  argsort: () => ({ data: filled(Float64Array, 4_000_000, random(1)), order: 'ascending' }),
  'image.resize': () => ({ image: picture(6000, 4000, 1, true), width: 3000, height: 2000, filter: 'lanczos3' }),
  'image.encode png': () => ({ image: picture(3000, 2000, 1, false), format: 'png' }),
  'image.encode jpeg': () => ({ image: picture(3000, 2000, 1, false), format: 'jpeg' }),
  'image.encode webp': () => ({ image: picture(3000, 2000, 1, false), format: 'webp' }),
  'image.decode png': (host) => fileOf(host, 'png'),
  'image.decode jpeg': (host) => fileOf(host, 'jpeg'),
  'image.decode webp': (host) => fileOf(host, 'webp'),
};
