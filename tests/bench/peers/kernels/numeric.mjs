// Numbers: fft.js and ml-matrix (JavaScript), PFFFT as wasm, ONNX Runtime as wasm and as an add-on, ml-kmeans, simple-statistics.

/** Of the protocol buffers that ONNX models are. */
const BYTES = 2;
const FLOAT = 1;

export const numeric = [
  {
    impl: 'fft.js', kind: 'portable', threads: 1,
    cases: {
      async fft(params) {
        const { data } = params;
        const { length, rows, floatsIn, floatsOut } = rowsOf(params);
        if (!rows || !Number.isInteger(Math.log2(length))) return undefined;
        const { default: FFT } = await import('fft.js');
        const fft = new FFT(length);
        return () => {
          const result = new data.constructor(rows * floatsOut);
          // Of real numbers it writes the first half, and needs room for the other one.
          const whole = new data.constructor(2 * length);
          for (let row = 0; row < rows; row += 1) {
            const from = data.subarray(row * floatsIn, (row + 1) * floatsIn);
            if (params.real) {
              fft.realTransform(whole, from);
              result.set(whole.subarray(0, floatsOut), row * floatsOut);
            } else fft.transform(result.subarray(row * floatsOut, (row + 1) * floatsOut), from);
          }
          return { data: result };
        };
      },
    },
  },
  {
    impl: '@echogarden/pffft-wasm', kind: 'portable', threads: 1,
    cases: {
      async fft(params) {
        const { data, real } = params;
        const { length, rows, floatsIn, floatsOut } = rowsOf(params);
        // It has single precision only, and lengths whose prime factors are 2, 3 and 5, of vectors of vectors.
        if (!rows || !(data instanceof Float32Array) || length % (real ? 32 : 16) > 0 || !isSmooth(length)) return undefined;
        const { default: create } = await import('@echogarden/pffft-wasm/simd');
        const wasm = await create();
        const setup = wasm._pffft_new_setup(length, real ? 0 : 1);
        const [input, output, work] = [data.byteLength, data.byteLength, floatsIn * 4].map((bytes) => wasm._pffft_aligned_malloc(bytes));
        return () => {
          wasm.HEAPF32.set(data, input >> 2);
          for (let at = 0; at < data.byteLength; at += floatsIn * 4) wasm._pffft_transform_ordered(setup, input + at, output + at, work, 0);
          const results = wasm.HEAPF32.subarray(output >> 2, (output >> 2) + data.length);
          if (!real) return { data: results.slice() };
          // It puts the last number, which is real, where the first one's imaginary part would be.
          const result = new Float32Array(rows * floatsOut);
          for (let row = 0; row < rows; row += 1) {
            result.set(results.subarray(row * floatsIn, (row + 1) * floatsIn), row * floatsOut);
            result[row * floatsOut + length] = results[row * floatsIn + 1];
            result[row * floatsOut + 1] = 0;
          }
          return { data: result };
        };
      },
    },
  },
  {
    impl: 'ml-matrix', kind: 'portable', threads: 1,
    cases: {
      async matmul({ a, b, m, k, n }) {
        if (!(a instanceof Float64Array)) return undefined;
        const { Matrix } = await import('ml-matrix');
        const [left, right] = [Matrix.from1DArray(m, k, a), Matrix.from1DArray(k, n, b)];
        return () => ({ c: left.mmul(right).to1DArray() });
      },
    },
  },
  { impl: 'onnxruntime-web', kind: 'portable', threads: 'all', cases: { matmul: (params, threads) => onnx('onnxruntime-web', params, threads) } },
  { impl: 'onnxruntime-node', kind: 'addon', threads: 'all', cases: { matmul: (params, threads) => onnx('onnxruntime-node', params, threads) } },
  {
    impl: 'ml-kmeans', kind: 'portable', threads: 1,
    cases: {
      async kmeans({ data, dimensions, k, maxIterations }) {
        const { kmeans } = await import('ml-kmeans');
        const vectors = Array.from({ length: data.length / dimensions }, (_, index) => Array.from(data.subarray(index * dimensions, (index + 1) * dimensions)));
        return () => {
          const { centroids, clusters } = kmeans(vectors, k, { maxIterations, tolerance: 0, seed: 1, initialization: 'random' });
          return { centroids: Float32Array.from(centroids.flat()), labels: Uint32Array.from(clusters) };
        };
      },
    },
  },
  {
    impl: 'simple-statistics', kind: 'portable', threads: 1,
    cases: {
      async 'stats.describe'({ data }) {
        const { extent, mean, sum, variance } = await import('simple-statistics');
        return () => {
          const [min, max] = extent(data);
          return { min, max, sum: sum(data), mean: mean(data), variance: variance(data) };
        };
      },
      async 'stats.quantiles'({ data, q }) {
        const { quantile } = await import('simple-statistics');
        return () => ({ quantiles: quantile(data, q) });
      },
    },
  },
];

/** What is transformed row by row, forward; no rows where it is anything else. */
function rowsOf({ data, length, real, inverse, dimensions = 1 }) {
  length ??= data.length / (real ? 1 : 2);
  const [floatsIn, floatsOut] = real ? [length, length + 2] : [2 * length, 2 * length];
  return { length, rows: dimensions === 1 && !inverse ? data.length / floatsIn : 0, floatsIn, floatsOut };
}

function isSmooth(length) {
  for (const factor of [2, 3, 5]) while (length % factor === 0) length /= factor;
  return length === 1;
}

/** One MatMul. */
async function onnx(name, { a, b, m, k, n }, threads) {
  if (!(a instanceof Float32Array)) return undefined;
  const { default: runtime } = await import(name);
  const { InferenceSession, Tensor, env } = runtime;
  if (name === 'onnxruntime-web') env.wasm.numThreads = threads;
  const session = await InferenceSession.create(matmulModel(m, k, n), { intraOpNumThreads: threads, logSeverityLevel: 3 });
  const feeds = { a: new Tensor('float32', a, [m, k]), b: new Tensor('float32', b, [k, n]) };
  return async () => ({ c: (await session.run(feeds)).c.data });
}

/** The smallest model that multiplies two matrices: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto */
function matmulModel(m, k, n) {
  const dimension = (size) => field(1, field(1, size));
  const tensor = (name, rows, columns) => [...field(1, name), ...field(2, field(1, [...field(1, FLOAT), ...field(2, [...dimension(rows), ...dimension(columns)])]))];
  const node = [...field(1, 'a'), ...field(1, 'b'), ...field(2, 'c'), ...field(4, 'MatMul')];
  const graph = [...field(1, node), ...field(2, 'g'), ...field(11, tensor('a', m, k)), ...field(11, tensor('b', k, n)), ...field(12, tensor('c', m, n))];
  return Uint8Array.from([...field(1, 8), ...field(7, graph), ...field(8, field(2, 13))]);
}

/** A field of a protocol buffer: a number, or text and messages as bytes. */
function field(number, value) {
  if (typeof value === 'number') return [...varint(number << 3), ...varint(value)];
  const content = typeof value === 'string' ? Array.from(Buffer.from(value)) : value;
  return [...varint((number << 3) | BYTES), ...varint(content.length), ...content];
}

function varint(value) {
  return value < 128 ? [value] : [(value & 127) | 128, ...varint(value >>> 7)];
}
