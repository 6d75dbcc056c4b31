// The package as it is installed: every runtime finds its own entry by the name alone.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { programs } from './places.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
/** FIPS 180's example: SHA-256 of `abc`. */
const ABC = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';

let project;
before(() => {
  project = mkdtempSync(join(tmpdir(), 'loomwork-installed-'));
  mkdirSync(join(project, 'node_modules'));
  symlinkSync(join(root, 'pkg'), join(project, 'node_modules/loomwork'));
  const manifest = { name: 'project', private: true, type: 'module', dependencies: { loomwork: '*' } };
  writeFileSync(join(project, 'package.json'), JSON.stringify(manifest));
  cpSync(join(root, 'tests/package/fixtures/node.mjs'), join(project, 'program.mjs'));
  cpSync(fileURLToPath(new URL('./fixtures/isolate.mjs', import.meta.url)), join(project, 'isolate.mjs'));
});
after(() => rmSync(project, { recursive: true, force: true }));

const run = async ([file, ...args]) => JSON.parse((await promisify(execFile)(file, args, { cwd: project, timeout: 60_000 })).stdout);

for (const { runtime, command } of programs.filter(({ runtime }) => runtime !== 'workerd')) {
  test(runtime, { timeout: 60_000 }, async () => {
    // The program in the place of the cases. Deno needs to read the package's files, and nothing else.
    const words = command.slice(0, -1).map((word) => (word === '--allow-all' ? '--allow-read' : word));
    const { backend, hex } = await run([...words, 'program.mjs']);
    assert.deepEqual({ backend, hex }, { backend: 'threads', hex: ABC });
  });
}

test('workerd, bundled with its export condition', { timeout: 60_000 }, async () => {
  const { build } = await import(pathToFileURL(join(root, 'www/node_modules/esbuild/lib/main.js')).href);
  await build({
    entryPoints: [join(project, 'isolate.mjs')], outdir: join(project, 'out'), bundle: true, format: 'esm',
    conditions: ['workerd', 'worker', 'browser'], loader: { '.wasm': 'copy' }, assetNames: '[name]',
  });
  const { command } = programs.find(({ runtime }) => runtime === 'workerd');
  const { backend, artifact, why, hex } = await run([...command, '', '', join(project, 'out/isolate.js'), join(project, 'out')]);
  assert.deepEqual({ backend, artifact, hex }, { backend: 'inline', artifact: 'simd', hex: ABC });
  assert.match(why, /an edge isolate has no workers/);
});
