// Benchmarks: one run measures everything side by side, in turn, checks every answer, and records the machine.
//
//   node tests/bench/main.mjs [SUITE] [--case TEXT]… [--runs N] [--json] [--out FILE] [--html FILE]
//                             [--size full|light|tiny] [--no-peers] [--no-native-cpu] [--no-native] [--no-browser]
//
// SUITE: kernels (default), dispatch, cancel, inline, serve. Prints a table, or with --json one object { machine, runtime, rows }; --out writes that object to a file
// too, --html the same as a page with plots. The second line's options are of the suite kernels: smaller inputs, and what is left out.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { parseArgs } from 'node:util';
import { cancelTable, measureCancel } from './cancel.mjs';
import { dispatchTable, measureDispatch } from './dispatch.mjs';
import { inlineTable, measureInline } from './inline.mjs';
import { measureKernels } from './kernels.mjs';
import { measureServe, serveTable } from './serve.mjs';
import { shared } from './shared.mjs';

const suites = {
  kernels: { measure: measureKernels, table: shared.textTable }, dispatch: { measure: measureDispatch, table: dispatchTable }, cancel: { measure: measureCancel, table: cancelTable },
  inline: { measure: measureInline, table: inlineTable }, serve: { measure: measureServe, table: serveTable },
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
      html: { type: 'string' },
      size: { type: 'string', default: 'full' },
      'no-peers': { type: 'boolean', default: false },
      'no-native': { type: 'boolean', default: false },
      'no-native-cpu': { type: 'boolean', default: false },
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
if (!Object.hasOwn(shared.SIZES, values.size)) wrongUse(`--size takes ${Object.keys(shared.SIZES).join(', ')}, got '${values.size}'`);

const report = ({ runtime, rows, left = [], failed = [] }) => ({
  machine: shared.machine(),
  runtime,
  rows,
  ...(left.length > 0 && { left }),
  ...(failed.length > 0 && { failed }),
});
const measured = await suites[suite].measure({
  runs,
  only: values.case,
  size: values.size,
  browser: !values['no-browser'],
  peers: !values['no-peers'],
  native: !values['no-native'],
  nativeCpu: !values['no-native'] && !values['no-native-cpu'],
  // What is measured so far stays, whatever ends a long run.
  onRows: (soFar) => save(report(soFar)),
  log: (line) => process.stderr.write(`${line}\n`),
});
const whole = report(measured);
save(whole);
process.stdout.write(`${values.json ? JSON.stringify(whole, null, 2) : suites[suite].table(whole)}\n`, () => {
  // Threads that a peer's library keeps would hold the process.
  process.exit(whole.failed ? 1 : 0);
});

function save(content) {
  write(values.out, () => `${JSON.stringify(content, null, 2)}\n`);
  write(values.html, () => shared.htmlReport(content));
}

function write(file, content) {
  if (!file) return;
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content());
}

function wrongUse(message) {
  console.error(message);
  process.exit(2);
}
