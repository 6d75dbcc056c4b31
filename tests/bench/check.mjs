// Whether a peer's answer is right: the same as ours where there is but one answer, else as near as the rule of each kernel says.

/** Samples of pictures may differ by so much on average: filters are cut off, and rounded, in different places. */
const NEAR_PICTURE = 2.5;

/** By kernel: throws when `theirs` is wrong. Only the fields that a peer gives are looked at. */
const rules = {
  hash: same('hex'),
  'hash.many': same('digests'),
  sort: same('data'),
  search: same('ends'),
  topk: same('values'),
  'stats.histogram': (ours, theirs) => {
    // A number on the edge of a bin may fall to either side.
    const moved = ours.counts.reduce((sum, count, bin) => sum + Math.abs(count - theirs.counts[bin]), 0);
    need(moved <= ours.counts.length, `${moved} numbers are in other bins`);
  },
  /** What is unpacked again must be the input; our host reads all of the formats. */
  async compress(ours, theirs, { data, format }, host) {
    const whole = theirs.expand ? theirs.expand(theirs.data) : (await host.run('decompress', { data: theirs.data, format })).data;
    need(equal(whole, data), 'what it packed is another when it is unpacked');
    // The same level is to mean about the same work.
    need(theirs.data.length < ours.data.length * 1.35, `it made ${theirs.data.length} bytes, ours ${ours.data.length}`);
  },
  decompress: same('data'),
  mandelbrot: (ours, theirs) => {
    const others = ours.counts.reduce((sum, count, index) => sum + (count !== theirs.counts[index] ? 1 : 0), 0);
    need(others <= ours.counts.length * 1e-5, `${others} of ${ours.counts.length} pixels differ`);
  },
  argsort: (ours, theirs, { data }) => {
    // Equal numbers may be in any order.
    need(theirs.indices.every((index, at) => data[index] === data[ours.indices[at]]), 'the order is another');
  },
  matmul: near('c', 1e-4),
  fft: near('data', 1e-4),
  nbody: near('positions', 1e-6),
  groupby: (ours, theirs) => {
    const places = new Map(Array.from(theirs.keys, (key, at) => [key, at]));
    need(places.size === ours.keys.length, `${places.size} groups, not ${ours.keys.length}`);
    for (const [at, key] of ours.keys.entries()) {
      const there = places.get(key);
      need(ours.counts[at] === theirs.counts[there] && close(ours.sums[at], theirs.sums[there], 1e-6) && ours.maxs[at] === theirs.maxs[there], `group ${key} is another`);
    }
  },
  'stats.describe': (ours, theirs) => {
    for (const field of ['min', 'max', 'sum', 'mean', 'variance']) need(close(ours[field], theirs[field], 1e-6), `${field} is ${theirs[field]}, not ${ours[field]}`);
  },
  'stats.quantiles': (ours, theirs, { data }) => {
    // Between two numbers of the data, some take either, some the straight line.
    const gap = (4 * (ours.quantiles.at(-1) - ours.quantiles[0])) / Math.sqrt(data.length);
    need(ours.quantiles.every((quantile, at) => Math.abs(quantile - theirs.quantiles[at]) <= gap), `${theirs.quantiles} are not ${ours.quantiles}`);
  },
  /** Each begins elsewhere: the clusters are to be as good. */
  kmeans: (ours, theirs, params) => {
    const [mine, other] = [inertia(ours, params), inertia(theirs, params)];
    need(other < mine * 1.25 && other > mine * 0.8, `the vectors are ${other} from its centroids, ${mine} from ours`);
  },
  knn: (ours, theirs, { k }) => {
    let found = 0;
    for (let at = 0; at < ours.indices.length; at += k) {
      const mine = new Set(ours.indices.subarray(at, at + k));
      for (const index of theirs.indices.subarray(at, at + k)) if (mine.has(index)) found += 1;
    }
    need(found >= ours.indices.length * 0.99, `only ${found} of ${ours.indices.length} neighbours are the same`);
  },
  montecarlo: (ours, theirs) => need(Math.abs(ours.price - theirs.price) < 6 * ours.standardError, `the price is ${theirs.price}, not ${ours.price}`),
  'image.decode': picture,
  'image.resize': picture,
  'image.blur': picture,
  'image.convolve': picture,
  // Around the turned picture sizes may differ by a pixel.
  'image.rotate': (ours, theirs) => {
    need(Math.abs(ours.image.width - theirs.image.width) <= 2 && Math.abs(ours.image.height - theirs.image.height) <= 2, `it is ${theirs.image.width}×${theirs.image.height}`);
  },
  'image.encode': async (ours, theirs, params, host) => picture({ image: params.image }, await host.run('image.decode', { data: theirs.data })),
  'image.pipeline': async (ours, theirs, params, host) => {
    const [mine, other] = await Promise.all([ours, theirs].map(({ data }) => host.run('image.decode', { data })));
    picture(mine, other);
  },
};

/** @throws Error when a peer's answer is not what the kernel's rule allows beside ours */
export async function checkPeer(kernel, ours, theirs, params, host) {
  await rules[kernel](ours, theirs, params, host);
}

function need(holds, complaint) {
  if (!holds) throw new Error(`its answer is wrong: ${complaint}`);
}

function same(field) {
  return (ours, theirs) => need(typeof ours[field] === 'string' ? ours[field] === theirs[field] : equal(ours[field], theirs[field]), `${field} differs`);
}

function equal(a, b) {
  const bytes = ({ buffer, byteOffset, byteLength }) => Buffer.from(buffer, byteOffset, byteLength);
  return bytes(a).equals(bytes(b));
}

/** Off by no more than a share of the greatest number: sums are made in another order. */
function near(field, share) {
  return (ours, theirs) => {
    let [most, off] = [0, 0];
    for (let index = 0; index < ours[field].length; index += 1) {
      most = Math.max(most, Math.abs(ours[field][index]));
      off = Math.max(off, Math.abs(ours[field][index] - theirs[field][index]));
    }
    need(off <= most * share, `${field} is off by ${off}, the greatest number is ${most}`);
  };
}

function close(a, b, share) {
  return Math.abs(a - b) <= share * Math.max(Math.abs(a), Math.abs(b), 1);
}

function picture({ image: ours }, { image: theirs }) {
  need(ours.width === theirs.width && ours.height === theirs.height, `it is ${theirs.width}×${theirs.height}`);
  let sum = 0;
  for (let index = 0; index < ours.data.length; index += 1) sum += Math.abs(ours.data[index] - theirs.data[index]);
  const mean = sum / ours.data.length;
  need(mean <= NEAR_PICTURE, `samples differ by ${mean.toFixed(2)} on average`);
}

/** The squares of the distances of some of the vectors from the nearest centroid, summed. */
function inertia({ centroids }, { data, dimensions }) {
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
