// ./build.sh chaos: throws faults of every kind at a host under load, and tells what came of it.
//
// Ends when so many jobs are answered and so many faults were thrown.
//
//   node tests/chaos/main.mjs [--seed N] [--jobs N] [--faults N] [--kinds A,B] [--in node|processes|chromium] [--json]
import { parseArgs } from 'node:util';
import { FAULTS } from './chaos.mjs';
import { chaosInChromium } from './chromium.mjs';
import { chaosInNode } from './node.mjs';
import { chaosInProcesses } from './processes.mjs';

let parsed;
try {
  parsed = parseArgs({ options: options() });
} catch (error) {
  wrongUse(error.message);
}
const { values } = parsed;

const seed = wholeNumber('seed', values.seed, 0);
const jobs = wholeNumber('jobs', values.jobs, 1);
const faults = wholeNumber('faults', values.faults, 0);
const kinds = values.kinds?.split(',');
for (const kind of kinds ?? []) if (!(kind in FAULTS)) wrongUse(`no fault is named '${kind}': ${Object.keys(FAULTS).join(', ')}`);
const runs = { node: chaosInNode, processes: chaosInProcesses, chromium: chaosInChromium };
if (!runs[values.in]) wrongUse(`--in takes node, processes or chromium, not '${values.in}'`);

const log = (line) => process.stderr.write(`${line}\n`);
log(`seed ${seed}, ${jobs} jobs, in ${values.in}`);
const { complaints, ...report } = await runs[values.in]({ seed, jobs, faults, log, ...(kinds && { kinds }) });
for (const complaint of complaints) log(`! ${complaint}`);
if (values.json) console.log(JSON.stringify(report));
else {
  const { recovery_ms, faults, ...counts } = report;
  for (const [name, value] of Object.entries(counts)) console.log(`${name.padEnd(10)} ${value}`);
  console.log(`faults     ${Object.entries(faults).map(([kind, count]) => `${kind} ${count}`).join(', ')}`);
  console.log(`recovery   p50 ${recovery_ms.p50.toFixed(0)} ms, p99 ${recovery_ms.p99.toFixed(0)} ms from a crash to the first answer of a job that came after it`);
}
process.exit(report.wrong + report.lost + report.doubled + report.hung > 0 ? 1 : 0);

function options() {
  return {
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 31)) },
    jobs: { type: 'string', default: '10000' },
    faults: { type: 'string', default: '0' },
    kinds: { type: 'string' },
    in: { type: 'string', default: 'node' },
    json: { type: 'boolean', default: false },
  };
}

function wholeNumber(name, text, least) {
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < least) wrongUse(`--${name} takes a whole number from ${least}, got '${text}'`);
  return number;
}

function wrongUse(message) {
  console.error(message);
  process.exit(2);
}
