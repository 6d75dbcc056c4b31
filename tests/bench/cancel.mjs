// How soon a running kernel stops: cancels at random moments of each kernel's run on all threads, from `cancel()` to the moment when the kernel runs
// no more. After all of them the host must still give right answers.
import { availableParallelism } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { createHost } from '../../pkg/node.js';
import { long } from '../identical/cases.mjs';
import { digest } from './digest.mjs';

/** A kernel that has not stopped after so long has failed. */
const HANG_MS = 20_000;

export async function measureCancel({ runs, only, log }) {
  const threads = availableParallelism();
  const rows = [];
  const host = await createHost({ threads, grace: HANG_MS });
  try {
    for (const [name, make] of Object.entries(long)) {
      if (only && !only.some((text) => name.includes(text))) continue;
      const kernel = name.split(' ')[0];
      const params = await make(host);
      const expected = digest(await host.run(kernel, params));
      const job = host.run(kernel, params);
      await job;
      const usual = job.timing.running;
      const latencies = [];
      while (latencies.length < runs) {
        const latency = await cancelOnce(host, kernel, params, Math.random() * usual);
        if (latency !== undefined) latencies.push(latency);
      }
      if (digest(await host.run(kernel, params)) !== expected) throw new Error(`${name} gives another answer after its cancels`);
      latencies.sort((a, b) => a - b);
      const at = (fraction) => latencies[Math.min(latencies.length - 1, Math.ceil(latencies.length * fraction) - 1)];
      for (const [label, value] of [['p50', at(0.5)], ['p99', at(0.99)]]) {
        rows.push({ suite: 'cancel', case: `${name} ${label}`, impl: 'loomwork', kind: 'ours', threads, unit: 'ms', median: value, min: latencies[0], max: latencies.at(-1), runs });
      }
      log(`  ${name}: ${usual.toFixed(0)} ms when left alone; cancelled ${runs} times, p50 ${at(0.5).toFixed(2)} ms, p99 ${at(0.99).toFixed(2)} ms`);
    }
    if (host.stats().restarts > 0) throw new Error('an instance had to be replaced');
  } finally {
    await host.close();
  }
  return { runtime: `node ${process.version}`, rows };
}

/** Milliseconds from a cancel to the kernel's stop, or undefined when it was done before. */
async function cancelOnce(host, kernel, params, delay) {
  const job = host.run(kernel, params);
  job.catch(() => {});
  const began = performance.now();
  while (job.state === 'queued') {
    if (performance.now() - began > HANG_MS) throw new Error(`${kernel} does not start`);
    await sleep(1);
  }
  // Asleep, not polling: the kernel is to have every core.
  await sleep(delay);
  if (job.state !== 'running') {
    await job;
    return undefined;
  }
  const cancelled = performance.now();
  job.cancel();
  await job.stopped;
  return performance.now() - cancelled;
}

/** A report as text. */
export function cancelTable({ machine, runtime, rows }) {
  const lines = [`${machine.cpu}, ${machine.cores} cores, ${machine.memoryGB} GB, ${machine.os}; ${runtime}; ${rows[0]?.runs} cancels each`, ''];
  for (const { case: name, median, max } of rows) lines.push(`  ${name.padEnd(24)}${median.toFixed(2).padStart(10)} ms${name.endsWith('p99') ? `   at most ${max.toFixed(2)}` : ''}`);
  return lines.join('\n');
}
