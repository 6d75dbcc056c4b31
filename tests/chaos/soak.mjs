// ./build.sh soak: very many jobs, and hosts opened and closed again and again; memory and threads must stay what they were.
//
//   node --expose-gc tests/chaos/soak.mjs [--small N] [--large N] [--cycles N] [--json]
import { existsSync, readdirSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { createHost } from '../../pkg/node.js';

const { values } = parseArgs({
  options: {
    small: { type: 'string', default: '1000000' },
    large: { type: 'string', default: '2000' },
    cycles: { type: 'string', default: '500' },
    json: { type: 'boolean', default: false },
  },
});
const [small, large, cycles] = ['small', 'large', 'cycles'].map((name) => {
  const number = Number(values[name]);
  if (Number.isSafeInteger(number) && number >= 0) return number;
  console.error(`--${name} takes a whole number, got '${values[name]}'`);
  process.exit(2);
});
const log = (line) => process.stderr.write(`${line}\n`);

/** Resident memory, after a collection where it can be asked for (node --expose-gc): what is dead but not yet collected is no leak. */
const megabytes = () => {
  globalThis.gc?.();
  return Math.round(process.memoryUsage.rss() / 1e6);
};
/** Threads of this process, where the system tells (Linux). */
const threads = () => (existsSync('/proc/self/task') ? readdirSync('/proc/self/task').length : 0);
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

const report = { jobs: 0, cycles: 0, rss_start_mb: 0, rss_end_mb: 0, threads_start: 0, threads_end: 0, lost: 0 };

async function answered(jobs, check) {
  report.jobs += jobs.length;
  for (const { status, value } of await Promise.allSettled(jobs)) if (status !== 'fulfilled' || !check(value)) report.lost += 1;
}

const data = Float32Array.from({ length: 1_000_000 }, (_, index) => (index * 2_654_435_761) % 4_294_967_296);
const sorted = Float32Array.from(data).sort();

/** A share of all jobs on one host. */
async function work(host, smallOnes, largeOnes) {
  for (let left = smallOnes; left > 0; left -= 1000) {
    await answered(Array.from({ length: Math.min(1000, left) }, () => host.run('noop', {})), (output) => output !== undefined);
  }
  for (let left = largeOnes; left > 0; left -= 8) {
    await answered(Array.from({ length: Math.min(8, left) }, () => host.run('sort', { data })), (output) => output.data[500_000] === sorted[500_000] && output.data.length === data.length);
  }
}

async function cycle() {
  const host = await createHost({ threads: 2, maxMemory: 2 ** 28 });
  await answered([host.run('noop', {}), host.run('mandelbrot', { width: 50, height: 50, centerX: 0, centerY: 0, span: 3, maxIterations: 50 })], (output) => output !== undefined);
  await host.close();
  report.cycles += 1;
}

// What is loaded and compiled once is there from here on.
const host = await createHost();
await host.warmUp('noop', {});
await work(host, Math.min(small, 20_000), Math.min(large, 50));
for (let index = 0; index < Math.min(cycles, 10); index += 1) await cycle();
await pause(500);
report.jobs = 0;
report.cycles = 0;
report.rss_start_mb = megabytes();
report.threads_start = threads();

for (let tenth = 1; tenth <= 10; tenth += 1) {
  await work(host, Math.round(small / 10), Math.round(large / 10));
  log(`${report.jobs} jobs, ${megabytes()} MB, ${threads()} threads`);
}
while (report.cycles < cycles) {
  await cycle();
  if (report.cycles % 50 === 0) log(`${report.cycles} hosts opened and closed, ${megabytes()} MB, ${threads()} threads`);
}
await pause(500);
report.rss_end_mb = megabytes();
report.threads_end = threads();
await host.close();

if (values.json) console.log(JSON.stringify(report));
else for (const [name, value] of Object.entries(report)) console.log(`${name.padEnd(14)} ${value}`);
process.exit(report.lost > 0 ? 1 : 0);
