// What the tests against references share: a Python that has tests/references/requirements.txt, named by the environment's PYTHON, and the command
// `loomwork run` on files as a user has them.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { flags, run } from '../cli/support.mjs';

const { PYTHON } = process.env;
if (!PYTHON) throw new Error('PYTHON must name a Python with NumPy, Pillow and blake3: run ./build.sh test references');
// Before any test, so that a missing package is one clear failure.
await python('-c', 'import blake3, lz4.frame, numpy, PIL, zstandard').catch((error) => {
  throw new Error(`PYTHON (${PYTHON}) cannot be used: run ./build.sh setup test\n${error.stderr ?? error.message}`);
});

/** Where files are made. */
export const folder = mkdtempSync(join(tmpdir(), 'loomwork-references-'));
after(() => rmSync(folder, { recursive: true, force: true }));

async function python(...args) {
  const { stdout } = await promisify(execFile)(PYTHON, args, { maxBuffer: 1 << 26 });
  return stdout;
}

/** What one of the scripts beside this file prints. */
export async function reference(script, ...args) {
  const out = await python(fileURLToPath(new URL(script, import.meta.url)), ...args.map(String));
  return out === '' ? undefined : JSON.parse(out);
}

/** Runs a kernel by the command; its output goes to a file, whose path is returned. */
export async function kernel(name, params, out, args = flags(params)) {
  const path = join(folder, out);
  const { code, stderr } = await run(['run', name, ...args, '-o', path]);
  assert.equal(code, 0, stderr);
  return path;
}
