// Whether a peer's answer is right: the same as ours where there is but one answer, else as near as the rule of each kernel says.
import type { Run } from './cases.ts';
import { sameBytes } from './same.ts';

/** An output or params of any kernel: what is in them is the rules' knowledge. */
type Fields = any;
type Rule = (ours: Fields, theirs: Fields, params: Fields, run: Run) => void | Promise<void>;
type Numbers = ArrayLike<number>;

/** Samples of pictures may differ by so much on average: filters are cut off, and rounded, in different places. */
const NEAR_PICTURE = 2.5;

/** By kernel: throws when `theirs` is wrong. Only the fields that a peer gives are looked at. */
const rules: Record<string, Rule> = {
  hash: (ours, theirs) => need(ours.hex === theirs.hex, 'hex differs'),
  'hash.many': same('digests'),
  sort: same('data'),
  search: same('ends'),
  topk: same('values'),
  decompress: same('data'),
  /** What is unpacked again must be the input; our host reads all of the formats. The same level is to mean about the same work. */
  async compress(ours, theirs, { data, format }, run) {
    const whole = theirs.expand ? theirs.expand(theirs.data) : ((await run('decompress', { data: theirs.data, format })) as Fields).data;
    need(sameBytes(whole, data), 'what it packed is another when it is unpacked');
    need(theirs.data.length < ours.data.length * 1.35, `it made ${theirs.data.length} bytes, ours ${ours.data.length}`);
  },
  /** Compilers round in other places: hardly any pixel is on the edge of another count. */
  mandelbrot(ours, theirs) {
    const others = count(ours.counts, (value, at) => value !== theirs.counts[at]);
    need(others <= ours.counts.length * 1e-5, `${others} of ${ours.counts.length} pixels differ`);
  },
  /** Equal numbers may be in any order. */
  argsort: (ours, theirs, { data }) => need(count(theirs.indices, (index, at) => data[index] !== data[ours.indices[at]]) === 0, 'the order is another'),
  matmul: near('c', 1e-4),
  fft: near('data', 1e-4),
  nbody: near('positions', 1e-6),
  'stats.describe'(ours, theirs) {
    for (const field of ['min', 'max', 'sum', 'mean', 'variance']) need(close(ours[field], theirs[field], 1e-6), `${field} is ${theirs[field]}, not ${ours[field]}`);
  },
  /** Between two numbers of the data, some take either, some the straight line. */
  'stats.quantiles'(ours, theirs, { data }) {
    const gap = (4 * (ours.quantiles.at(-1) - ours.quantiles[0])) / Math.sqrt(data.length);
    need(count(ours.quantiles, (quantile, at) => Math.abs(quantile - theirs.quantiles[at]) > gap) === 0, `${theirs.quantiles} are not ${ours.quantiles}`);
  },
  /** A number on the edge of a bin may fall to either side. */
  'stats.histogram'(ours, theirs) {
    let moved = 0;
    for (let bin = 0; bin < ours.counts.length; bin += 1) moved += Math.abs(ours.counts[bin] - theirs.counts[bin]);
    need(moved <= ours.counts.length, `${moved} numbers are in other bins`);
  },
  groupby(ours, theirs) {
    const places = new Map<number, number>(Array.from(theirs.keys as Numbers, (key, at) => [key, at]));
    need(places.size === ours.keys.length, `${places.size} groups, not ${ours.keys.length}`);
    for (const [at, key] of ours.keys.entries()) {
      const there = places.get(key)!;
      need(ours.counts[at] === theirs.counts[there] && close(ours.sums[at], theirs.sums[there], 1e-6) && ours.maxs[at] === theirs.maxs[there], `group ${key} is another`);
    }
  },
  /** Each begins elsewhere: the clusters are to be as good. */
  kmeans(ours, theirs, params) {
    const [mine, other] = [inertia(ours, params), inertia(theirs, params)];
    need(other < mine * 1.25 && other > mine * 0.8, `the vectors are ${other} from its centroids, ${mine} from ours`);
  },
  knn(ours, theirs, { k }) {
    let found = 0;
    for (let at = 0; at < ours.indices.length; at += k) {
      const mine = new Set(ours.indices.subarray(at, at + k));
      found += count(theirs.indices.subarray(at, at + k), (index) => mine.has(index));
    }
    need(found >= ours.indices.length * 0.99, `only ${found} of ${ours.indices.length} neighbours are the same`);
  },
  montecarlo: (ours, theirs) => need(Math.abs(ours.price - theirs.price) < 6 * ours.standardError, `the price is ${theirs.price}, not ${ours.price}`),
  'image.decode': picture,
  'image.resize': picture,
  'image.blur': picture,
  'image.convolve': picture,
  /** Around the turned picture sizes may differ by a pixel. */
  'image.rotate'({ image: ours }, { image: theirs }) {
    need(Math.abs(ours.width - theirs.width) <= 2 && Math.abs(ours.height - theirs.height) <= 2, `it is ${theirs.width}×${theirs.height}`);
  },
  'image.encode': async (_, theirs, { image }, run) => picture({ image }, await run('image.decode', { data: theirs.data })),
  async 'image.pipeline'(ours, theirs, _, run) {
    picture(await run('image.decode', { data: ours.data }), await run('image.decode', { data: theirs.data }));
  },
};

/**
 * @param run runs a kernel of ours, to read what a peer has made
 * @throws Error when a peer's answer is not what the kernel's rule allows beside ours
 */
export async function checkPeer(kernel: string, ours: unknown, theirs: unknown, params: unknown, run: Run): Promise<void> {
  const rule = rules[kernel];
  if (!rule) throw new Error(`there is no rule for answers of ${kernel}`);
  await rule(ours, theirs, params, run);
}

function need(holds: boolean, complaint: string): void {
  if (!holds) throw new Error(`its answer is wrong: ${complaint}`);
}

function same(field: string): Rule {
  return (ours, theirs) => need(sameBytes(ours[field], theirs[field]), `${field} differs`);
}

/** Off by no more than a share of the greatest number: sums are made in another order. */
function near(field: string, share: number): Rule {
  return ({ [field]: ours }, { [field]: theirs }) => {
    let [most, off] = [0, 0];
    for (let index = 0; index < ours.length; index += 1) {
      most = Math.max(most, Math.abs(ours[index]));
      off = Math.max(off, Math.abs(ours[index] - theirs[index]));
    }
    need(off <= most * share, `${field} is off by ${off}, the greatest number is ${most}`);
  };
}

function close(a: number, b: number, share: number): boolean {
  return Math.abs(a - b) <= share * Math.max(Math.abs(a), Math.abs(b), 1);
}

function count(numbers: Numbers, holds: (value: number, at: number) => boolean): number {
  let found = 0;
  for (let at = 0; at < numbers.length; at += 1) if (holds(numbers[at]!, at)) found += 1;
  return found;
}

function picture({ image: ours }: Fields, { image: theirs }: Fields): void {
  need(ours.width === theirs.width && ours.height === theirs.height, `it is ${theirs.width}×${theirs.height}`);
  let sum = 0;
  for (let index = 0; index < ours.data.length; index += 1) sum += Math.abs(ours.data[index] - theirs.data[index]);
  const mean = sum / ours.data.length;
  need(mean <= NEAR_PICTURE, `samples differ by ${mean.toFixed(2)} on average`);
}

/** The squares of the distances of some of the vectors from the nearest centroid, summed. */
function inertia({ centroids }: Fields, { data, dimensions }: Fields): number {
  let sum = 0;
  for (let vector = 0; vector < data.length; vector += dimensions * 16) {
    let least = Infinity;
    for (let centroid = 0; centroid < centroids.length; centroid += dimensions) {
      let square = 0;
      for (let axis = 0; axis < dimensions; axis += 1) square += (data[vector + axis] - centroids[centroid + axis]) ** 2;
      least = Math.min(least, square);
    }
    sum += least;
  }
  return sum;
}
