// Benchmarks: one run measures everything side by side, in turn, checks every answer, and records the machine.
//
//   node tests/bench/main.mjs [SUITE] [--case NAME]… [--runs N] [--json] [--out FILE] [--no-browser]
//
// SUITE: kernels (default), dispatch, cancel, serve. Prints a table, or with --json one object { machine, runtime, rows }; --out writes that object to a file too.
import { cpus, totalmem, release } from 'node:os';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { parseArgs } from 'node:util';
import { cancelTable, measureCancel } from './cancel.mjs';
import { dispatchTable, measureDispatch } from './dispatch.mjs';
import { measureKernels } from './kernels.mjs';
import { measureServe, serveTable } from './serve.mjs';
import { table } from './table.mjs';

const suites = {
  kernels: { measure: measureKernels, table }, dispatch: { measure: measureDispatch, table: dispatchTable }, cancel: { measure: measureCancel, table: cancelTable },
  serve: { measure: measureServe, table: serveTable },
};

let options;
try {
  options = parseArgs({
    allowPositionals: true,
    options: {
      case: { type: 'string', multiple: true },
      runs: { type: 'string', default: '7' },
      json: { type: 'boolean', default: false },
      out: { type: 'string' },
      'no-browser': { type: 'boolean', default: false },
    },
  });
} catch (error) {
  wrongUse(error.message);
}
const { values, positionals } = options;
const suite = positionals[0] ?? 'kernels';
if (!suites[suite]) wrongUse(`no suite is named '${suite}': ${Object.keys(suites).join(', ')}`);
const runs = Number(values.runs);
if (!Number.isInteger(runs) || runs < 1) wrongUse(`--runs takes a whole number above 0, got '${values.runs}'`);

const { runtime, rows } = await suites[suite].measure({ runs, only: values.case, browser: !values['no-browser'], log: (line) => process.stderr.write(`${line}\n`) });
const [{ model }] = cpus();
const report = {
  machine: { cpu: model, cores: cpus().length, memoryGB: Math.round(totalmem() / 1e9), os: `${process.platform} ${release()}`, date: new Date().toISOString() },
  runtime,
  rows,
};
if (values.out) {
  mkdirSync(dirname(values.out), { recursive: true });
  writeFileSync(values.out, `${JSON.stringify(report, null, 2)}\n`);
}
console.log(values.json ? JSON.stringify(report, null, 2) : suites[suite].table(report));

function wrongUse(message) {
  console.error(message);
  process.exit(2);
}
