// The peers of the suite `kernels`: what else there is for the same work, run on the same input.
//
// A family is one file that gives a list of peers:
//   { impl, kind, threads, cases: { KERNEL: async (params, threads) => run or undefined } }
// `threads` is 1, 'all', or both as a list; `cases` makes, outside of the measured time, a function that computes once and gives (a promise of) the
// output in the form of ours, as far as the peer can say it; undefined where it cannot do these params. Arrays in `params` are the peer's own, to read only.
import { availableParallelism } from 'node:os';
import { compressing } from './compressing.mjs';
import { hashing } from './hashing.mjs';
import { imaging } from './imaging.mjs';
import { closeWorkers, javascript } from './javascript.mjs';
import { numeric } from './numeric.mjs';
import { searching } from './searching.mjs';

const families = [javascript, hashing, compressing, imaging, numeric, searching];

/** Each peer that can do a case, at each number of threads that it has: `{ impl, kind, threads, run }`. What cannot be loaded is told. */
export async function peersOf(kernel, params, failed) {
  const own = unshared(params);
  const found = [];
  for (const { impl, kind, threads, cases } of families.flat()) {
    for (const count of new Set([threads].flat().map((given) => (given === 'all' ? availableParallelism() : given)))) {
      try {
        const run = await cases[kernel]?.(own, count);
        if (run) found.push({ impl, kind, threads: count, run });
      } catch (error) {
        failed(impl, error);
      }
    }
  }
  return found;
}

/** Ends what peers have started. */
export async function closePeers() {
  await closeWorkers();
}

/** Many libraries refuse arrays in shared memory. */
function unshared(value) {
  if (ArrayBuffer.isView(value)) return new value.constructor(value);
  if (Array.isArray(value)) return value.map(unshared);
  return typeof value === 'object' && value !== null ? Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, unshared(inner)])) : value;
}
