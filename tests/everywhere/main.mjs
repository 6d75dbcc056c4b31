// Runs the cases in every runtime on every backend, and prints the table.
//
//   node tests/everywhere/main.mjs [--only TEXT] [--json]
//
// --only: the runtimes whose name contains the text; --json: a line for each cell, before the table. Exit code 1 when a cell fails.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { runInBrowser } from './browsers.mjs';
import { cases } from './cases.mjs';
import { browsers, programs } from './places.mjs';
import { makeTable } from './table.mjs';

const { values } = parseArgs({ options: { only: { type: 'string', default: '' }, json: { type: 'boolean', default: false } } });
const wanted = ({ runtime }) => runtime.toLowerCase().includes(values.only.toLowerCase());
/** Places at a time: some of them mostly wait. */
const AT_ONCE = 3;
/** A process that is not done by then hangs. */
const PROCESS_MS = 240_000;

const features = Object.keys(cases);
const table = [];

/** Keeps a row's place in the table, whenever its lines come. */
function addRow(runtime, row) {
  const entry = { runtime, ...row, lines: new Map() };
  table.push(entry);
  return (lines, error) => {
    for (const line of lines) entry.lines.set(line.feature, line);
    for (const feature of features) {
      if (entry.lines.has(feature)) continue;
      entry.lines.set(feature, { feature, outcome: 'fail', text: error?.message ?? 'no line came of it', ms: 0 });
    }
    const { caller, backend } = row;
    const all = [...entry.lines.values()];
    if (values.json) for (const line of all) console.log(JSON.stringify({ runtime, caller, backend, ...line }));
    else console.error(`  ${runtime}, ${caller}, ${backend}: ${(all.reduce((sum, { ms }) => sum + ms, 0) / 1000).toFixed(1)} s`);
  };
}

async function runProgram([file, ...args], { backend, auto }) {
  const child = spawn(file, [...args, backend, auto], { stdio: ['ignore', 'pipe', 'pipe'], timeout: PROCESS_MS, killSignal: 'SIGKILL' });
  const lines = [];
  let said = '';
  child.stderr.on('data', (data) => {
    said += data;
  });
  createInterface({ input: child.stdout }).on('line', (line) => lines.push(JSON.parse(line)));
  const [code, signal] = await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (...how) => resolve(how));
  });
  return { lines, error: new Error(`the process ended with ${signal ?? `code ${code}`} before it: ${said.trim().slice(-500)}`) };
}

const work = [];
for (const { runtime, command, rows } of programs.filter(wanted)) {
  for (const row of rows) {
    const report = addRow(runtime, row);
    work.push(async () => {
      const { lines, error } = await runProgram(command, row);
      report(lines, error);
    });
  }
}
for (const browser of browsers.filter(wanted)) {
  const reports = new Map(browser.rows.map((row) => [row, addRow(browser.runtime, row)]));
  work.push(() => runInBrowser(browser, (row, lines, error) => reports.get(row)(lines, error)));
}

// The long ones first.
work.reverse();
await Promise.all(
  Array.from({ length: AT_ONCE }, async () => {
    for (let next = work.shift(); next; next = work.shift()) await next();
  }),
);
const { text, failures } = makeTable(table, features);
console.log(`\n${text}`);
if (failures.length > 0) {
  console.log(`\nFAILED:\n${failures.map((failure) => `  ${failure}`).join('\n')}`);
  process.exitCode = 1;
}
