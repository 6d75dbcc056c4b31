// Plain JavaScript: on one thread (`js`), and shared out among as many workers as there are cores (`js-workers`).
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { shared as code, url } from '../../shared.mjs';

/** Each worker takes so many of these at a time, so that none waits for another at the end. */
const BLOCKS = 16;

export const javascript = [
  { impl: 'js', kind: 'portable', threads: 1, cases: Object.fromEntries(Object.entries(code.plain).map(([kernel, make]) => [kernel, (params) => make(params)])) },
  {
    impl: 'js-radix', kind: 'portable', threads: 1,
    cases: { sort: ({ data }) => (data instanceof Uint32Array ? () => ({ data: code.radixSort(data) }) : undefined) },
  },
  {
    impl: 'js-workers', kind: 'portable', threads: 'all',
    cases: {
      mandelbrot(view) {
        if (typeof view.centerX !== 'number') return undefined;
        return async () => {
          const counts = sharedArray(Uint32Array, view.width * view.height);
          await shareOut('mandelbrotRows', [view, counts], view.height);
          return { counts };
        };
      },
      matmul(params) {
        const { a, b, m, n } = params;
        const given = { ...params, a: inShared(a), b: inShared(b) };
        return async () => {
          const c = sharedArray(a.constructor, m * n);
          await shareOut('matmulRows', [given, c], m);
          return { c };
        };
      },
      nbody: (params) => async () => {
        const bodies = code.bodiesOf(params, SharedArrayBuffer);
        for (let step = 0; step < params.steps; step += 1) {
          const { swap, ...given } = bodies;
          await shareOut('nbodyStep', [given], params.masses.length);
          swap();
        }
        return { positions: bodies.positions, velocities: bodies.velocities };
      },
      'image.blur'({ image, radius }) {
        if (radius === undefined) return undefined;
        const given = { ...image, data: inShared(image.data) };
        const across = sharedArray(Float32Array, image.data.length);
        return async () => {
          const data = sharedArray(Uint8ClampedArray, image.data.length);
          await shareOut('blurRows', [given, radius, across], image.height);
          await shareOut('blurColumns', [{ width: image.width, height: image.height }, radius, across, data], image.width);
          return { image: { ...image, data } };
        };
      },
    },
  },
];

let workers;

/** Has the workers do `name(...args, first, end)` for all of 0 to `count`, a block at a time. */
async function shareOut(name, args, count) {
  workers ??= Array.from({ length: availableParallelism() }, () => new Worker(new URL('./javascript-worker.mjs', import.meta.url), { workerData: { url } }));
  const next = new Int32Array(new SharedArrayBuffer(4));
  const block = Math.max(1, Math.ceil(count / (workers.length * BLOCKS)));
  await Promise.all(workers.map((worker) => new Promise((resolve, reject) => {
    worker.once('message', ({ error }) => {
      worker.off('error', reject);
      if (error) reject(new Error(error));
      else resolve();
    });
    worker.once('error', reject);
    worker.postMessage({ name, args, next, block, count });
  })));
}

export async function closeWorkers() {
  await Promise.all((workers ?? []).map((worker) => worker.terminate()));
  workers = undefined;
}

function sharedArray(Type, length) {
  return new Type(new SharedArrayBuffer(length * Type.BYTES_PER_ELEMENT));
}

function inShared(array) {
  const made = sharedArray(array.constructor, array.length);
  made.set(array);
  return made;
}
