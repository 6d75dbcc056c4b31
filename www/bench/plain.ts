// The same computations in plain JavaScript, written as well as is reasonable: what there is without Loomwork. Some are told which part of the work to
// do, so that workers can share it. Inner loops take no arrays apart: engines are not sure to do that without making them.
import type { Params } from './cases.ts';

/** A whole computation, or undefined where these params have no plain version. It makes its own output and leaves its params alone. */
export type Plain = (params: Params) => (() => Params) | undefined;

export const plain: Record<string, Plain> = {
  mandelbrot: (params) => {
    const view = params as unknown as View;
    // Deeper than f64: places are text.
    if (typeof view.centerX !== 'number') return undefined;
    return () => {
      const counts = new Uint32Array(view.width * view.height);
      mandelbrotRows(view, counts, 0, view.height);
      return { counts };
    };
  },
  sort: ({ data }) => () => ({ data: (data as Float64Array).slice().sort() }),
  argsort: ({ data }) => () => {
    const values = data as Float64Array;
    return { indices: Uint32Array.from(values.keys()).sort((a, b) => values[a]! - values[b]!) };
  },
  topk: ({ data, k }) => () => topk(data as Float64Array, k as number),
  'image.blur': (params) => {
    const { image, radius } = params as unknown as Blur;
    return radius === undefined
      ? undefined
      : () => {
          const [across, data] = [new Float32Array(image.data.length), new Uint8ClampedArray(image.data.length)];
          blurRows(image, radius, across, 0, image.height);
          blurColumns(image, radius, across, data, 0, image.width);
          return { image: { ...image, data } };
        };
  },
  matmul: (params) => () => {
    const { a, m, n } = params as unknown as Matrices;
    const c = new (a.constructor as Float32ArrayConstructor)(m * n);
    matmulRows(params as unknown as Matrices, c, 0, m);
    return { c };
  },
  nbody: (params) => () => {
    const bodies = bodiesOf(params as unknown as Bodies);
    for (let step = 0; step < (params as unknown as Bodies).steps; step += 1) {
      nbodyStep(bodies, 0, bodies.masses.length);
      bodies.swap();
    }
    return { positions: bodies.positions, velocities: bodies.velocities };
  },
  'stats.describe': ({ data }) => () => describe(data as Float64Array),
  'stats.histogram': ({ data, bins }) => () => histogram(data as Float64Array, bins as number),
  groupby: ({ keys, values }) => () => groupBy(keys as Int32Array, values as Float64Array),
  kmeans: (params) => () => kmeans(params as unknown as Clusters),
  knn: (params) => () => knn(params as unknown as Neighbours),
  montecarlo: (params) => (params['style'] === 'asian' ? undefined : () => europeanCall(params as unknown as European)),
};

/** Sorted by three digits of eleven bits. */
export function radixSort(data: Uint32Array): Uint32Array {
  let [from, to] = [data.slice(), new Uint32Array(data.length)];
  for (const shift of [0, 11, 22]) {
    const places = new Uint32Array(2049);
    for (let index = 0; index < from.length; index += 1) places[((from[index]! >>> shift) & 2047) + 1]! += 1;
    for (let digit = 1; digit < 2048; digit += 1) places[digit]! += places[digit - 1]!;
    for (let index = 0; index < from.length; index += 1) {
      const value = from[index]!;
      const digit = (value >>> shift) & 2047;
      to[places[digit]!] = value;
      places[digit]! += 1;
    }
    [from, to] = [to, from];
  }
  return from;
}

/** The greatest, in a heap with the least of them at its top. */
function topk(data: Float64Array, k: number): Params {
  const heap = data.slice(0, k).sort();
  for (let index = k; index < data.length; index += 1) {
    const value = data[index]!;
    if (!(value > heap[0]!)) continue;
    let hole = 0;
    for (let child = 1; child < k; child = 2 * hole + 1) {
      if (child + 1 < k && heap[child + 1]! < heap[child]!) child += 1;
      if (heap[child]! >= value) break;
      heap[hole] = heap[child]!;
      hole = child;
    }
    heap[hole] = value;
  }
  return { values: heap.sort().reverse() };
}

export interface Blur {
  image: { width: number; height: number; data: Uint8ClampedArray };
  radius?: number;
}

/** Means of each pixel's neighbours in its row, by a sum that slides along. Of opaque pictures: alphas are not weighed. */
export function blurRows({ width, data }: Blur['image'], radius: number, out: Float32Array, first: number, end: number): void {
  for (let row = first; row < end; row += 1) slide(data, out, row * width * 4, 4, width, radius);
}

export function blurColumns({ width, height }: Blur['image'], radius: number, rows: Float32Array, out: Uint8ClampedArray, first: number, end: number): void {
  // All columns of a block go down together: memory is read as it lies.
  const sums = new Float32Array((end - first) * 4);
  const share = 1 / (2 * radius + 1);
  const line = (row: number) => Math.min(height - 1, Math.max(0, row)) * width * 4 + first * 4;
  for (let row = -radius - 1; row < radius; row += 1) {
    const at = line(row);
    for (let index = 0; index < sums.length; index += 1) sums[index]! += rows[at + index]!;
  }
  for (let row = 0; row < height; row += 1) {
    const enters = line(row + radius);
    const leaves = line(row - radius - 1);
    const at = line(row);
    for (let index = 0; index < sums.length; index += 1) {
      const sum = sums[index]! + rows[enters + index]! - rows[leaves + index]!;
      sums[index] = sum;
      out[at + index] = sum * share;
    }
  }
}

function slide(data: Uint8ClampedArray, out: Float32Array, start: number, step: number, count: number, radius: number): void {
  const share = 1 / (2 * radius + 1);
  const last = count - 1;
  let r = 0;
  let g = 0;
  let b = 0;
  let a = 0;
  for (let index = -radius - 1; index < radius; index += 1) {
    const place = start + (index < 0 ? 0 : index > last ? last : index) * step;
    r += data[place]!;
    g += data[place + 1]!;
    b += data[place + 2]!;
    a += data[place + 3]!;
  }
  for (let index = 0; index < count; index += 1) {
    const enters = start + (index + radius > last ? last : index + radius) * step;
    const leaves = start + (index - radius - 1 < 0 ? 0 : index - radius - 1) * step;
    const place = start + index * step;
    r += data[enters]! - data[leaves]!;
    g += data[enters + 1]! - data[leaves + 1]!;
    b += data[enters + 2]! - data[leaves + 2]!;
    a += data[enters + 3]! - data[leaves + 3]!;
    out[place] = r * share;
    out[place + 1] = g * share;
    out[place + 2] = b * share;
    out[place + 3] = a * share;
  }
}

interface View {
  width: number;
  height: number;
  centerX: number;
  centerY: number;
  span: number;
  maxIterations: number;
}

/** Rows of the set, by the kernel's own rule: an orbit that comes back to itself never escapes. */
export function mandelbrotRows({ width, height, centerX, centerY, span, maxIterations }: View, counts: Uint32Array, first: number, end: number): void {
  const step = span / width;
  for (let row = first; row < end; row += 1) {
    const ci = centerY + (row + 0.5 - height / 2) * step;
    for (let column = 0; column < width; column += 1) {
      counts[row * width + column] = escape(centerX + (column + 0.5 - width / 2) * step, ci, maxIterations);
    }
  }
}

function escape(cr: number, ci: number, most: number): number {
  let zr = 0;
  let zi = 0;
  let oldR = 0;
  let oldI = 0;
  let turn = 8;
  for (let count = 0; count < most; count += 1) {
    const r = zr * zr - zi * zi + cr;
    zi = 2 * zr * zi + ci;
    zr = r;
    if (!(zr * zr + zi * zi <= 4)) return count;
    if (zr === oldR && zi === oldI) return most;
    if (count === turn) {
      oldR = zr;
      oldI = zi;
      turn *= 2;
    }
  }
  return most;
}

export interface Matrices {
  a: Float32Array | Float64Array;
  b: Float32Array | Float64Array;
  m: number;
  k: number;
  n: number;
}

/** Rows of the product: four of `b` at a time, which stay in the cache for a block of columns. */
export function matmulRows({ a, b, k, n }: Matrices, c: Float32Array | Float64Array, first: number, end: number): void {
  const COLUMNS = 512;
  for (let left = 0; left < n; left += COLUMNS) {
    const right = Math.min(n, left + COLUMNS);
    for (let i = first; i < end; i += 1) {
      const row = i * n;
      let p = 0;
      for (; p + 3 < k; p += 4) {
        const a0 = a[i * k + p]!;
        const a1 = a[i * k + p + 1]!;
        const a2 = a[i * k + p + 2]!;
        const a3 = a[i * k + p + 3]!;
        const b0 = p * n;
        const b1 = b0 + n;
        const b2 = b1 + n;
        const b3 = b2 + n;
        for (let j = left; j < right; j += 1) c[row + j] = c[row + j]! + a0 * b[b0 + j]! + a1 * b[b1 + j]! + a2 * b[b2 + j]! + a3 * b[b3 + j]!;
      }
      for (; p < k; p += 1) {
        const factor = a[i * k + p]!;
        for (let j = left; j < right; j += 1) c[row + j] = c[row + j]! + factor * b[p * n + j]!;
      }
    }
  }
}

export interface Bodies {
  positions: Float64Array;
  velocities: Float64Array;
  masses: Float64Array;
  steps: number;
  timeStep: number;
  softening: number;
}

/** Bodies as a step changes them. `middles` are their places in the middle of the step, a column for each axis. */
export interface Moving extends Bodies {
  middles: Float64Array;
  next: Float64Array;
  swap(): void;
}

/** @param Buffer where the bodies lie: shared memory, when workers share the work */
export function bodiesOf(params: Bodies, Buffer: new (size: number) => ArrayBufferLike = ArrayBuffer): Moving {
  const array = (values: Float64Array | number) => {
    const made = new Float64Array(new Buffer((typeof values === 'number' ? values : values.length) * 8));
    if (typeof values !== 'number') made.set(values);
    return made;
  };
  const count = params.masses.length;
  const moving: Moving = {
    ...params,
    positions: array(params.positions),
    velocities: array(params.velocities),
    masses: array(params.masses),
    middles: array(count * 3),
    next: array(count * 3),
    swap() {
      [moving.middles, moving.next] = [moving.next, moving.middles];
    },
  };
  for (let body = 0; body < count; body += 1) {
    for (let axis = 0; axis < 3; axis += 1) moving.middles[axis * count + body] = params.positions[body * 3 + axis]! + params.velocities[body * 3 + axis]! * params.timeStep * 0.5;
  }
  return moving;
}

/** One step of some of the bodies: drift, kick, drift. */
export function nbodyStep({ positions, velocities, masses, middles, next, timeStep, softening }: Omit<Moving, 'swap'>, first: number, end: number): void {
  const count = masses.length;
  const [soft, half] = [softening * softening, timeStep * 0.5];
  const [xs, ys, zs] = [middles.subarray(0, count), middles.subarray(count, 2 * count), middles.subarray(2 * count)];
  for (let body = first; body < end; body += 1) {
    const x = xs[body]!;
    const y = ys[body]!;
    const z = zs[body]!;
    let ax = 0;
    let ay = 0;
    let az = 0;
    for (let other = 0; other < count; other += 1) {
      const dx = xs[other]! - x;
      const dy = ys[other]! - y;
      const dz = zs[other]! - z;
      const square = dx * dx + dy * dy + dz * dz + soft;
      const pull = masses[other]! / (square * Math.sqrt(square));
      ax += dx * pull;
      ay += dy * pull;
      az += dz * pull;
    }
    move(body, 0, x, ax);
    move(body, 1, y, ay);
    move(body, 2, z, az);
  }

  function move(body: number, axis: number, middle: number, pull: number): void {
    const at = body * 3 + axis;
    velocities[at] = velocities[at]! + pull * timeStep;
    positions[at] = middle + velocities[at]! * half;
    next[axis * count + body] = positions[at]! + velocities[at]! * half;
  }
}

/** Two passes: the mean first, so that the variance keeps its digits. */
function describe(data: Float64Array): Params {
  let sum = 0;
  let min = Infinity;
  let max = -Infinity;
  for (let index = 0; index < data.length; index += 1) {
    const value = data[index]!;
    sum += value;
    if (value < min) min = value;
    if (value > max) max = value;
  }
  const mean = sum / data.length;
  let squares = 0;
  for (let index = 0; index < data.length; index += 1) squares += (data[index]! - mean) ** 2;
  return { count: data.length, min, max, sum, mean, variance: squares / data.length, std: Math.sqrt(squares / data.length) };
}

function histogram(data: Float64Array, bins: number): Params {
  let min = Infinity;
  let max = -Infinity;
  for (let index = 0; index < data.length; index += 1) {
    const value = data[index]!;
    if (value < min) min = value;
    if (value > max) max = value;
  }
  const counts = new Uint32Array(bins);
  const scale = bins / (max - min);
  for (let index = 0; index < data.length; index += 1) counts[Math.min(bins - 1, Math.floor((data[index]! - min) * scale))]! += 1;
  return { counts };
}

function groupBy(keys: Int32Array, values: Float64Array): Params {
  const groups = new Map<number, number>();
  const found: number[] = [];
  const counts: number[] = [];
  const sums: number[] = [];
  const mins: number[] = [];
  const maxs: number[] = [];
  for (let index = 0; index < keys.length; index += 1) {
    const key = keys[index]!;
    const value = values[index]!;
    let group = groups.get(key);
    if (group === undefined) {
      group = groups.size;
      groups.set(key, group);
      found.push(key);
      counts.push(0);
      sums.push(0);
      mins.push(Infinity);
      maxs.push(-Infinity);
    }
    counts[group]! += 1;
    sums[group]! += value;
    if (value < mins[group]!) mins[group] = value;
    if (value > maxs[group]!) maxs[group] = value;
  }
  return { keys: Int32Array.from(found), counts: Uint32Array.from(counts), sums: Float64Array.from(sums), mins: Float64Array.from(mins), maxs: Float64Array.from(maxs) };
}

interface Clusters {
  data: Float32Array;
  dimensions: number;
  k: number;
  maxIterations: number;
}

/** Lloyd's iterations, from vectors that lie evenly in the data. */
function kmeans({ data, dimensions, k, maxIterations }: Clusters): Params {
  const count = data.length / dimensions;
  const centroids = new Float32Array(k * dimensions);
  for (let cluster = 0; cluster < k; cluster += 1) {
    const at = Math.floor((cluster * count) / k) * dimensions;
    centroids.set(data.subarray(at, at + dimensions), cluster * dimensions);
  }
  const labels = new Uint32Array(count);
  let inertia = 0;
  for (let iteration = 0; iteration < maxIterations; iteration += 1) {
    inertia = 0;
    const sums = new Float64Array(k * dimensions);
    const sizes = new Uint32Array(k);
    for (let vector = 0; vector < count; vector += 1) {
      const at = vector * dimensions;
      let best = 0;
      let least = Infinity;
      for (let cluster = 0; cluster < k; cluster += 1) {
        const distance = squaredDistance(data, at, centroids, cluster * dimensions, dimensions);
        if (distance < least) {
          best = cluster;
          least = distance;
        }
      }
      labels[vector] = best;
      inertia += least;
      sizes[best]! += 1;
      for (let axis = 0; axis < dimensions; axis += 1) sums[best * dimensions + axis]! += data[at + axis]!;
    }
    for (let cluster = 0; cluster < k; cluster += 1) {
      if (sizes[cluster] === 0) continue;
      for (let axis = 0; axis < dimensions; axis += 1) centroids[cluster * dimensions + axis] = sums[cluster * dimensions + axis]! / sizes[cluster]!;
    }
  }
  return { centroids, labels, inertia };
}

function squaredDistance(a: Float32Array, atA: number, b: Float32Array, atB: number, dimensions: number): number {
  let sum = 0;
  for (let axis = 0; axis < dimensions; axis += 1) {
    const difference = a[atA + axis]! - b[atB + axis]!;
    sum += difference * difference;
  }
  return sum;
}

interface Neighbours {
  data: Float32Array;
  queries: Float32Array;
  dimensions: number;
  k: number;
}

/** The nearest by their cosine: every vector is looked at. */
function knn({ data, queries, dimensions, k }: Neighbours): Params {
  const [count, asked] = [data.length / dimensions, queries.length / dimensions];
  const lengths = new Float64Array(count);
  for (let vector = 0; vector < count; vector += 1) lengths[vector] = Math.sqrt(dot(data, vector * dimensions, data, vector * dimensions, dimensions));
  const indices = new Uint32Array(asked * k);
  const near = new Float64Array(k);
  for (let query = 0; query < asked; query += 1) {
    const at = query * dimensions;
    const length = Math.sqrt(dot(queries, at, queries, at, dimensions));
    near.fill(Infinity);
    const found = indices.subarray(query * k, (query + 1) * k);
    for (let vector = 0; vector < count; vector += 1) {
      const distance = 1 - dot(data, vector * dimensions, queries, at, dimensions) / (lengths[vector]! * length);
      if (distance >= near[k - 1]!) continue;
      let place = k - 1;
      for (; place > 0 && near[place - 1]! > distance; place -= 1) {
        near[place] = near[place - 1]!;
        found[place] = found[place - 1]!;
      }
      near[place] = distance;
      found[place] = vector;
    }
  }
  return { indices };
}

function dot(a: Float32Array, atA: number, b: Float32Array, atB: number, dimensions: number): number {
  let sum = 0;
  for (let axis = 0; axis < dimensions; axis += 1) sum += a[atA + axis]! * b[atB + axis]!;
  return sum;
}

interface European {
  spot: number;
  strike: number;
  years: number;
  rate: number;
  volatility: number;
  paths: number;
}

/** Normal numbers by Box and Muller, two from two of `Math.random`. */
function europeanCall({ spot, strike, years, rate, volatility, paths }: European): Params {
  const drift = (rate - 0.5 * volatility * volatility) * years;
  const spread = volatility * Math.sqrt(years);
  const discount = Math.exp(-rate * years);
  let sum = 0;
  for (let path = 0; path < paths; path += 2) {
    const radius = Math.sqrt(-2 * Math.log(1 - Math.random()));
    const angle = 2 * Math.PI * Math.random();
    sum += Math.max(0, spot * Math.exp(drift + spread * radius * Math.cos(angle)) - strike);
    sum += Math.max(0, spot * Math.exp(drift + spread * radius * Math.sin(angle)) - strike);
  }
  return { price: (discount * sum) / (paths + (paths % 2)) };
}
