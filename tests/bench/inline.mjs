// How long the backend `inline` holds its caller's event loop: each kernel's long job, once beside a clock that ticks whenever the loop goes on.
import { createHost } from '../../pkg/node.js';
import { long } from '../identical/cases.mjs';

export async function measureInline({ runs, only, log }) {
  const rows = [];
  const host = await createHost({ backend: 'inline' });
  try {
    for (const [name, make] of Object.entries(long)) {
      if (only && !only.some((text) => name.includes(text))) continue;
      const kernel = name.split(' ')[0];
      const params = await make(host);
      const holds = [];
      const times = [];
      for (let run = 0; run < runs; run += 1) {
        const job = host.run(kernel, params);
        const longest = await longestHold(job);
        holds.push(longest);
        times.push(job.timing.running);
      }
      for (const [label, values] of [['hold', holds], ['job', times]]) {
        values.sort((a, b) => a - b);
        const median = values[Math.floor(values.length / 2)];
        rows.push({ suite: 'inline', case: `${name} ${label}`, impl: 'loomwork', kind: 'ours', threads: 1, unit: 'ms', median, min: values[0], max: values.at(-1), runs });
      }
      const [hold, job] = rows.slice(-2);
      log(`  ${name}: ${job.median.toFixed(0)} ms, at most ${hold.median.toFixed(1)} ms at a stretch`);
    }
  } finally {
    await host.close();
  }
  return { runtime: `node ${process.version}`, rows };
}

/** Waits for a job; the longest time between two turns of the event loop meanwhile, in milliseconds. */
async function longestHold(job) {
  let longest = 0;
  let last = performance.now();
  let over = false;
  const tick = () => {
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
    if (!over) setImmediate(tick);
  };
  setImmediate(tick);
  try {
    await job;
  } finally {
    over = true;
  }
  return Math.max(longest, performance.now() - last);
}

/** A report as text. */
export function inlineTable({ machine, runtime, rows }) {
  const lines = [`${machine.cpu}, ${machine.cores} cores, ${machine.memoryGB} GB, ${machine.os}; ${runtime}; ${rows[0]?.runs} runs each`, '', `  ${''.padEnd(24)}${'job'.padStart(12)}${'longest hold'.padStart(16)}`];
  for (let at = 0; at < rows.length; at += 2) {
    const [hold, job] = rows.slice(at, at + 2);
    lines.push(`  ${hold.case.slice(0, -' hold'.length).padEnd(24)}${job.median.toFixed(0).padStart(9)} ms${hold.median.toFixed(1).padStart(13)} ms`);
  }
  return lines.join('\n');
}
