// What the tests against references share: a Python that has tests/references/requirements.txt, named by the environment's PYTHON, and the command
// `loomwork run` on files as a user has them.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after } from 'node:test';
import { fileURLToPath } from 'node:url';
import { flags, run } from '../cli/support.mjs';

const { PYTHON } = process.env;
if (!PYTHON) throw new Error('PYTHON must name a Python with NumPy, Pillow and blake3: run ./build.sh test references');
const python = spawn(PYTHON, [beside('forks.py')], { stdio: ['pipe', 'pipe', 'inherit'] });
const answers = createInterface(python.stdout)[Symbol.asyncIterator]();
after(() => python.stdin.end());
// Of a Python that has ended, or never began, the next answer tells.
python.on('error', () => {});
python.stdin.on('error', () => {});
let last = Promise.resolve();

/** Where files are made. */
export const folder = mkdtempSync(join(tmpdir(), 'loomwork-references-'));
after(() => rmSync(folder, { recursive: true, force: true }));

/** What one of the scripts beside this file prints. One runs at a time. */
export function reference(script, ...args) {
  last = last.catch(() => {}).then(async () => {
    python.stdin.write(`${JSON.stringify([beside(script), ...args.map(String)])}\n`);
    const { value, done } = await answers.next();
    if (done) throw new Error(`PYTHON (${PYTHON}) has ended: run ./build.sh setup test`);
    const { code, stdout, stderr } = JSON.parse(value);
    if (code !== 0) throw new Error(`${script} ended with ${code}:\n${stderr}`);
    return stdout === '' ? undefined : JSON.parse(stdout);
  });
  return last;
}

function beside(name) {
  return fileURLToPath(new URL(name, import.meta.url));
}

/** Runs a kernel by the command; its output goes to a file, whose path is returned. */
export async function kernel(name, params, out, args = flags(params)) {
  const path = join(folder, out);
  const { code, stderr } = await run(['run', name, ...args, '-o', path]);
  assert.equal(code, 0, stderr);
  return path;
}
