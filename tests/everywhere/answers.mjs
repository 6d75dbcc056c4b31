// Each kernel with small params and its right answer, known without this package: published values, definitions in plain JavaScript, and
// round trips.
import { deepView, exactMandelbrot, naiveMandelbrot, view } from '../host/mandelbrot.mjs';
import { equal, same } from './expect.mjs';

const abc = Uint8Array.of(97, 98, 99);
const hashesOfAbc = {
  sha256: 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
  blake3: '6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85',
};
/** The three bytes as Python's zlib, lz4 1.9 and zstd 1.5 write them, but for the gzip header's system and the LZ4 header's flags. */
const compressed = {
  gzip: [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255, 0x4b, 0x4c, 0x4a, 6, 0, 0xc2, 0x41, 0x24, 0x35, 3, 0, 0, 0],
  zlib: [0x78, 0x9c, 0x4b, 0x4c, 0x4a, 6, 0, 2, 0x4d, 1, 0x27],
  deflate: [0x4b, 0x4c, 0x4a, 6, 0],
  lz4: [4, 0x22, 0x4d, 0x18, 0x78, 0x60, 3, 0, 0, 0, 0, 0, 0, 0, 0xbd, 3, 0, 0, 0x80, 97, 98, 99, 0xff, 0x53, 0xd1, 0x32, 0, 0, 0, 0],
  zstd: [0x28, 0xb5, 0x2f, 0xfd, 0x24, 3, 0x19, 0, 0, 97, 98, 99, 0x99, 9, 0x77, 0xad],
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
    same((await host.run('mandelbrot', deepView)).counts, exactMandelbrot(deepView), 'deep mandelbrot');
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
  async matmul(host) {
    // Small whole numbers, whose products and sums are exact: 23 × 300 by 300 × 17.
    const [m, k, n] = [23, 300, 17];
    const a = Float32Array.from({ length: m * k }, (_, index) => ((index * 7) % 19) - 9);
    const b = Float32Array.from({ length: k * n }, (_, index) => ((index * 5) % 23) - 11);
    const expected = [];
    for (let row = 0; row < m; row += 1) {
      for (let column = 0; column < n; column += 1) {
        let sum = 0;
        for (let index = 0; index < k; index += 1) sum += a[row * k + index] * b[index * n + column];
        expected.push(sum);
      }
    }
    same((await host.run('matmul', { a, b, m, k, n })).c, expected, 'product');
  },
  async fft(host) {
    // A wave of three turns is one number; a prime length, and a matrix back and forth.
    const near = (got, expected, what) => {
      equal(got.length, expected.length, `${what}, length`);
      got.forEach((value, index) => equal(Math.abs(value - expected[index]) < 1e-9, true, `${what}, item ${index}: ${value} instead of ${expected[index]}`));
    };
    for (const length of [64, 37]) {
      const data = Float64Array.from({ length: 2 * length }, (_, index) => (index % 2 ? Math.sin : Math.cos)((2 * Math.PI * 3 * (index >> 1)) / length));
      near((await host.run('fft', { data })).data, Float64Array.from({ length: 2 * length }, (_, index) => (index === 6 ? length : 0)), `wave of ${length}`);
    }
    const matrix = Float64Array.from({ length: 60 }, (_, index) => (index * 7) % 13);
    const { data } = await host.run('fft', { data: matrix, length: 10, dimensions: 2, real: true });
    equal(data.length, 6 * 6 * 2, 'transformed matrix, length');
    near((await host.run('fft', { data, length: 10, dimensions: 2, real: true, inverse: true })).data, matrix, 'matrix');
  },
  async nbody(host) {
    // Two bodies at rest, 2 apart: after one step of 1 each has been pulled by 1/4.
    const { positions, velocities } = await host.run('nbody', { positions: Float64Array.of(-1, 0, 0, 1, 0, 0), masses: Float64Array.of(1, 1), steps: 1, timeStep: 1 });
    same(positions, [-0.875, 0, 0, 0.875, 0, 0], 'positions');
    same(velocities, [0.25, 0, 0, -0.25, 0, 0], 'velocities');
  },
  async topk(host) {
    const { values, indices } = await host.run('topk', { data: numbers, k: 4 });
    same(values, [Infinity, 3, 3, 2.5], 'the greatest');
    same(indices, [5, 0, 6, 7], 'their indices');
    same((await host.run('topk', { data: numbers, k: 2, order: 'ascending' })).indices, [8, 1], 'indices of the least');
  },
  async groupby(host) {
    const { keys, counts, sums, means, mins, maxs, variances } = await host.run('groupby', {
      keys: Int16Array.of(7, -1, 7, 7, -1),
      values: Float64Array.of(1, 5, 2, 3, NaN),
    });
    same(keys, [-1, 7], 'keys');
    same(counts, [1, 3], 'counts');
    same(sums, [5, 6], 'sums');
    same(means, [5, 2], 'means');
    same(mins, [5, 1], 'mins');
    same(maxs, [5, 3], 'maxs');
    same(variances, [0, 2 / 3], 'variances');
  },
  async 'stats.describe'(host) {
    const found = await host.run('stats.describe', { data: Float64Array.of(1e300, 1, NaN, 3, -1e300) });
    for (const [name, expected] of Object.entries({ count: 4, nans: 1, min: -1e300, max: 1e300, sum: 4, mean: 1 })) equal(found[name], expected, name);
    const small = await host.run('stats.describe', { data: Uint8Array.of(2, 4, 4, 4, 5, 5, 7, 9) });
    equal(small.std, 2, 'the standard deviation');
    equal(small.sampleVariance, 32 / 7, 'the variance of a sample');
    equal((await host.run('stats.describe', { data: new Float32Array(0) })).mean, null, 'the mean of nothing');
  },
  async 'stats.quantiles'(host) {
    const { quantiles } = await host.run('stats.quantiles', { data: Int32Array.of(40, 10, 30, 20, 50), q: [0, 0.5, 0.625, 1] });
    same(quantiles, [10, 30, 35, 50], 'quantiles');
  },
  async 'stats.histogram'(host) {
    const { counts, edges, below, above, nans } = await host.run('stats.histogram', { data: numbers, bins: 4, range: [-1, 3] });
    same(counts, [1, 2, 0, 3], 'counts');
    same(edges, [-1, 0, 1, 2, 3], 'edges');
    equal(`${below} ${above} ${nans}`, '1 1 1', 'the rest');
  },
  async kmeans(host) {
    const { centroids, labels, inertia, converged } = await host.run('kmeans', { data: Float32Array.of(0, 0, 10, 10, 0, 2, 10, 12), dimensions: 2, k: 2 });
    equal(converged, true, 'converged');
    equal(inertia, 4, 'inertia');
    equal(`${labels[0] === labels[2]} ${labels[1] === labels[3]} ${labels[0] === labels[1]}`, 'true true false', 'labels');
    same(centroids.subarray(labels[0] * 2, labels[0] * 2 + 2), [0, 1], 'the first centroid');
  },
  async knn(host) {
    const params = { data: Float32Array.of(0, 0, 3, 4, 1, 0, -5, 0), queries: Float32Array.of(0, 0, 4, 4), dimensions: 2, k: 2 };
    const { indices, distances } = await host.run('knn', params);
    same(indices, [0, 2, 1, 2], 'the nearest');
    same(distances, [0, 1, 1, 5], 'their distances');
    same((await host.run('knn', { ...params, k: 1, metric: 'dot' })).indices, [0, 1], 'the nearest by dot product');
  },
  async 'knn.index'(host) {
    const { centroids, offsets, order, vectors, dimensions, metric } = await host.run('knn.index', { data: Float32Array.of(0, 0, 10, 10, 0, 2, 10, 12), dimensions: 2, lists: 2 });
    equal(`${dimensions} ${metric}`, '2 euclidean', 'dimensions and metric');
    same(offsets, [0, 2, 4], 'offsets');
    // Which list is the first is drawn.
    const [near, far] = order[0] === 0 ? [0, 1] : [1, 0];
    same(order, near === 0 ? [0, 2, 1, 3] : [1, 3, 0, 2], 'order');
    same(centroids.subarray(near * 2, near * 2 + 2), [0, 1], 'the near centroid');
    same(vectors.subarray(far * 4, far * 4 + 4), [10, 10, 10, 12], 'the far list');
  },
  async 'knn.search'(host) {
    const data = Float32Array.from({ length: 600 }, (_, index) => (index * 7919) % 601);
    const index = await host.run('knn.index', { data, dimensions: 2, lists: 15 });
    const queries = Float32Array.of(0, 0, 300, 300, 599, 1);
    const exact = await host.run('knn', { data, queries, dimensions: 2, k: 4 });
    const all = await host.run('knn.search', { ...index, queries, k: 4, probes: 15 });
    same(all.indices, exact.indices, 'the nearest by all lists');
    same(all.distances, exact.distances, 'their distances');
    const { indices } = await host.run('knn.search', { ...index, queries: data.subarray(8, 10), k: 1, probes: 1 });
    same(indices, [4], 'a vector itself');
  },
  async montecarlo(host) {
    const params = { option: 'call', spot: 100, strike: 100, years: 1, rate: 0.05, volatility: 0.2, paths: 40_000 };
    const { price, standardError } = await host.run('montecarlo', params);
    // 10.4506 by the formula of Black and Scholes.
    equal(Math.abs(price - 10.450583572185565) < 4 * standardError && standardError < 0.1, true, `a price, ${price} ± ${standardError}`);
  },
  async compress(host) {
    for (const [format, bytes] of Object.entries(compressed)) {
      const { data } = await host.run('compress', { data: abc, format });
      same(data, bytes, `abc as ${format}`);
    }
  },
  async decompress(host) {
    for (const [format, bytes] of Object.entries(compressed)) {
      const { data } = await host.run('decompress', { data: Uint8Array.from(bytes), format });
      same(data, abc, `abc from ${format}`);
    }
  },
  async 'hash.many'(host) {
    for (const [algorithm, expected] of Object.entries(hashesOfAbc)) {
      const { digests } = await host.run('hash.many', { data: Uint8Array.of(...abc, ...abc), chunk: 3, algorithm });
      equal(Array.from(digests, (byte) => byte.toString(16).padStart(2, '0')).join(''), expected + expected, `${algorithm} of two buffers`);
    }
  },
  async search(host) {
    const data = new TextEncoder().encode('a warp\nno\nwarps, Größe 42\n');
    const found = await host.run('search', { data, pattern: '\\bwarps?|\\w+ß\\w' });
    const expected = { starts: [2, 10, 17], ends: [6, 15, 24], lines: [1, 3, 3], lineStarts: [0, 10, 10] };
    for (const [column, numbers] of Object.entries(expected)) same(found[column], numbers, column);
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
