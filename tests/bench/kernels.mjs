// The `kernels` suite: each case at 1, 2, … all threads, wasm in Node (and in Chromium) against the same kernels compiled natively.
// Within a round every implementation and number of threads takes its turn, so that a slow spell of the machine hits all of them.
import { availableParallelism } from 'node:os';
import { createHost } from '../../pkg/node.js';
import { cases } from './cases.mjs';
import { Chromium } from './chromium.mjs';
import { digest } from './digest.mjs';
import { Native } from './native.mjs';

const WARM_UPS = 2;

export async function measureKernels({ runs, only, browser, log }) {
  const threads = Array.from({ length: availableParallelism() }, (_, index) => index + 1);
  const chosen = cases.filter(({ name }) => !only || only.some((text) => name.includes(text)));
  if (chosen.length === 0) throw new Error(`no case matches ${only.join(', ')}: ${cases.map(({ name }) => name).join('; ')}`);
  const native = new Native();
  const hosts = await Promise.all(threads.map((count) => createHost({ threads: count })));
  const chromium = browser && chosen.some((item) => item.chromium) ? await Chromium.start(threads) : undefined;
  const rows = [];
  try {
    for (const { name, kernel, params: make, chromium: alsoChromium } of chosen) {
      const params = await make(hosts[0]);
      native.setCase(kernel, params);
      const inNode = (count) => async () => {
        const begun = performance.now();
        const output = await hosts[count - 1].run(kernel, params);
        return { ms: performance.now() - begun, sha256: () => digest(output) };
      };
      const inNative = (count) => async () => {
        const { ms, sha256 } = await native.run(count);
        return { ms, sha256: () => sha256 };
      };
      rows.push(...(await measure(name, runs, threads, { loomwork: inNode, native: inNative }, log)));
      if (chromium && alsoChromium) {
        const inPage = (count) => async () => {
          const { ms, sha256 } = await chromium.run(count, kernel, params);
          return { ms, sha256: () => sha256 };
        };
        rows.push(...(await measure(`${name}, in Chromium`, runs, threads, { loomwork: inPage, native: inNative }, log)));
      }
    }
  } finally {
    await Promise.all([...hosts.map((host) => host.close()), native.close(), chromium?.close()]);
  }
  return { runtime: `node ${process.version}${chromium ? `, chromium ${chromium.version}` : ''}`, rows };
}

/** Measures every implementation at every number of threads, in turn, and checks that all answers are the same. */
async function measure(name, runs, threads, implementations, log) {
  const entries = threads.flatMap((count) => Object.entries(implementations).map(([impl, at]) => ({ impl, count, run: at(count), times: [] })));
  let expected;
  for (const entry of entries) {
    for (let warmUp = 0; warmUp < WARM_UPS; warmUp += 1) {
      const { sha256 } = await entry.run();
      if (warmUp > 0) continue;
      const answer = await sha256();
      expected ??= answer;
      if (answer !== expected) throw new Error(`${name}: ${entry.impl} on ${entry.count} threads gave another answer than ${entries[0].impl} on ${entries[0].count}`);
    }
  }
  for (let round = 0; round < runs; round += 1) {
    for (const { run, times } of entries) times.push((await run()).ms);
  }
  log(`  ${name}`);
  return entries.map(({ impl, count, times }) => {
    times.sort((a, b) => a - b);
    const round = (ms) => Number(ms.toFixed(3));
    return {
      suite: 'kernels', case: name, impl, kind: impl === 'native' ? 'native' : 'ours', threads: count, unit: 'ms',
      median: round(times[times.length >> 1]), min: round(times[0]), max: round(times.at(-1)), runs,
    };
  });
}
