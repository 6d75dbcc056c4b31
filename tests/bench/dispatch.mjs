// What it costs to hand a job over: a no-op, without and with a small array there and back, through this host, through bare messages, and
// through the pools that people use in Node, each as its README recommends, with the same number of workers, all in turn on the same machine.
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { createHost } from '../../pkg/node.js';
import { load } from './peers/load.mjs';
import { shared } from './shared.mjs';

const { dispatchMeasures, RawWorkers, warmUp } = shared;

const WORKERS = Math.min(4, availableParallelism());
/** An implementation that does not answer within so long has failed. */
const HANG_MS = 60_000;

const peer = (file) => fileURLToPath(new URL(`./peers/${file}`, import.meta.url));

/** Each implementation: opens itself, and gives what runs one no-op, which answers with the array that it is given. */
const implementations = {
  async loomwork() {
    const host = await createHost({ threads: WORKERS });
    return { kind: 'ours', run: (data) => host.run('noop', data ? { data } : {}), close: () => host.close() };
  },
  async raw() {
    const workers = new RawWorkers(WORKERS);
    return { kind: 'portable', run: (data) => workers.run(data), close: () => workers.close() };
  },
  /** With its default `atomics: 'sync'`, in which idle workers wait on shared memory; and as many tasks to a worker as its README shows. */
  async piscina() {
    const { default: Piscina } = await load('piscina');
    const pool = new Piscina({ filename: peer('noop.mjs'), minThreads: WORKERS, maxThreads: WORKERS, idleTimeout: 600_000, concurrentTasksPerWorker: 4 });
    return { kind: 'portable', run: (data) => pool.run(data), close: () => pool.destroy() };
  },
  async tinypool() {
    const { Tinypool } = await load('tinypool');
    const pool = new Tinypool({ filename: peer('noop.mjs'), minThreads: WORKERS, maxThreads: WORKERS, idleTimeout: 600_000, concurrentTasksPerWorker: 4 });
    return { kind: 'portable', run: (data) => pool.run(data), close: () => pool.destroy() };
  },
  async workerpool() {
    const { default: workerpool } = await load('workerpool');
    const pool = workerpool.pool(peer('workerpool-worker.mjs'), { minWorkers: WORKERS, maxWorkers: WORKERS, workerType: 'thread' });
    return { kind: 'portable', run: (data) => pool.exec('noop', [data]), close: () => pool.terminate() };
  },
  async poolifier() {
    const { FixedThreadPool } = await load('poolifier');
    const pool = new FixedThreadPool(WORKERS, peer('poolifier-worker.mjs'), { errorHandler: () => {} });
    return { kind: 'portable', run: (data) => pool.execute(data), close: () => pool.destroy() };
  },
};

export async function measureDispatch({ runs, only, log }) {
  const open = new Map();
  const rows = new Map();
  try {
    for (const [impl, start] of Object.entries(implementations)) {
      log(`starting ${impl}`);
      const pool = await bounded(start(), `${impl} did not start`);
      open.set(impl, pool);
      await bounded(warmUp(pool.run), `${impl} did not answer`);
      const given = Float32Array.of(1, 2, 3);
      const answer = await pool.run(given);
      if (String(answer?.data ?? answer) !== String(given)) throw new Error(`${impl} does not answer with what it is given`);
    }
    for (let round = 1; round <= runs; round += 1) {
      log(`round ${round} of ${runs}`);
      for (const { cases, sample } of dispatchMeasures) {
        const names = Object.keys(cases);
        if (only && !names.some((name) => only.some((text) => name.includes(text)))) continue;
        for (const [impl, { kind, run }] of open) {
          const values = await bounded(sample(run), `${impl} did not answer (${names[0]})`);
          names.forEach((name, index) => {
            const key = `${name} ${impl}`;
            if (!rows.has(key)) rows.set(key, { suite: 'dispatch', case: name, impl, kind, threads: WORKERS, unit: cases[name], samples: [] });
            rows.get(key).samples.push(values[index]);
          });
        }
      }
    }
  } finally {
    for (const pool of open.values()) await pool.close();
  }
  return {
    runtime: `node ${process.version}`,
    rows: [...rows.values()].map(({ samples, ...row }) => {
      samples.sort((a, b) => a - b);
      return { ...row, median: samples[Math.floor(samples.length / 2)], min: samples[0], max: samples.at(-1), runs: samples.length };
    }),
  };
}

async function bounded(promise, complaint) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${complaint} within ${HANG_MS / 1000} s`)), HANG_MS);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** A report as text: each implementation beside ours, and what it says about the best pool. */
export function dispatchTable({ machine, runtime, rows }) {
  const lines = [`${machine.cpu}, ${machine.cores} cores, ${machine.memoryGB} GB, ${machine.os}; ${runtime}; ${rows[0]?.threads} workers`, ''];
  for (const name of new Set(rows.map((row) => row.case))) {
    const mine = rows.filter((row) => row.case === name);
    const ours = mine.find(({ kind }) => kind === 'ours');
    const digits = ours.unit === 'µs' ? 1 : 0;
    lines.push(`${name}, ${ours.unit}`);
    for (const { impl, median, min, max, unit } of mine) {
      const better = unit === 'µs' ? median / ours.median : ours.median / median;
      const spread = `${median.toFixed(digits)} (${min.toFixed(digits)}–${max.toFixed(digits)})`;
      lines.push(`  ${impl.padEnd(12)}${spread.padStart(32)}${impl === 'loomwork' ? '' : `   loomwork ×${better.toFixed(1)}`}`);
    }
    const pools = mine.filter(({ impl }) => impl !== 'loomwork' && impl !== 'raw');
    const best = pools.sort((a, b) => (ours.unit === 'µs' ? a.median - b.median : b.median - a.median))[0];
    if (best) lines.push(`  the best pool is ${best.impl}: loomwork ×${(ours.unit === 'µs' ? best.median / ours.median : ours.median / best.median).toFixed(1)}`);
    lines.push('');
  }
  return lines.join('\n');
}
