// A user's own kernels, from `loomwork new` to answers in Node and in Chromium: with the packed crate and the packed npm package, in a clean
// folder, by the commands that README.md gives.
import assert from 'node:assert/strict';
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { command, crate, folder, home, loomwork, NAME, otherCrate, root, setUp } from './clean.mjs';

const fixtures = fileURLToPath(new URL('fixtures/', import.meta.url));
const modules = join(root, 'www/node_modules');
const pkg = join(crate, 'pkg');

let library;
let tarball;
before(async () => {
  ({ library, tarball } = await setUp());
});

/** The command failed with this code, and its last line says this. */
function refused({ code, all, stderr }, exit, ...messages) {
  assert.equal(code, exit, all);
  for (const message of messages) assert.match(all, message);
  assert.doesNotMatch(stderr, /^\s+at .*:\d+:\d+\)?$/m, 'no stack');
}

describe('from nothing to answers', { concurrency: 1 }, () => {
  const commands = [];
  async function typed(args, options) {
    const begun = performance.now();
    const result = await loomwork(args, options);
    commands.push({ text: `npx loomwork ${args.join(' ').replace(library, '…')}`, seconds: (performance.now() - begun) / 1000 });
    assert.equal(result.code, 0, result.all);
    return result;
  }

  test('loomwork new', async () => {
    const { stdout } = await typed(['new', NAME, '--crate', library], { cwd: folder });
    assert.match(stdout, /npx loomwork build/);
    assert.deepEqual(readdirSync(crate).sort(), ['.gitignore', 'Cargo.toml', 'README.md', 'src', 'tests']);
    const text = readFileSync(join(crate, 'Cargo.toml'), 'utf8') + readFileSync(join(crate, 'tests/native.rs'), 'utf8') + readFileSync(join(crate, 'README.md'), 'utf8');
    assert.doesNotMatch(text, /my.kernels/, 'the example\'s own name');
    assert.match(text, /^name = "sieve-and-smooth"$/m);
    assert.match(text, /^use sieve_and_smooth::/m);
    assert.match(text, /^loomwork = \{ version = "=\d+\.\d+\.\d+", default-features = false, features = \["allocator"\] \}$/m);
  });

  test('loomwork build', async () => {
    const { stderr, stdout } = await typed(['build']);
    assert.match(stderr, /sieve-and-smooth 0\.1\.0 in pkg: primes, smooth/);
    for (const artifact of ['threads', 'simd', 'baseline']) assert.match(stdout, new RegExp(`^ +${artifact} +\\d\\.\\d\\d MB`, 'm'));
  });

  test('loomwork test: native, Node and Chromium', async () => {
    // One browser's package is enough here; `--browser` makes its absence a failure.
    const { stdout } = await typed(['test', '--no-build', '--browser', 'chromium']);
    assert.match(stdout, /^pass {2}native: /m);
    assert.match(stdout, /^pass {2}node: /m);
    assert.match(stdout, /^pass {2}chromium: .*backend threads$/m);
    assert.match(stdout, /chromium: primes, and the parts on the way/);
  });

  test('time and number of commands', (t) => {
    const all = commands.reduce((sum, { seconds }) => sum + seconds, 0);
    for (const { text, seconds } of commands) t.diagnostic(`${seconds.toFixed(1)} s  ${text}`);
    t.diagnostic(`${commands.length + 2} commands with 'npm install' and 'cd', ${all.toFixed(1)} s; loomwork answers in Node and in Chromium`);
    assert.equal(commands.length, 3);
  });
});

describe('the package that was built', () => {
  let project;
  before(async () => {
    project = join(home, 'user');
    rmSync(project, { recursive: true, force: true });
    mkdirSync(project, { recursive: true });
    const { stdout } = await command('npm', ['pack', '--pack-destination', project], { cwd: pkg });
    writeFileSync(join(project, 'package.json'), JSON.stringify({ name: 'user', version: '1.0.0', private: true, type: 'module' }));
    await command('npm', ['install', '--no-audit', '--no-fund', join(project, stdout.trim().split('\n').at(-1))], { cwd: project });
  });

  test('brings no other package', () => {
    assert.deepEqual(readdirSync(join(project, 'node_modules')).filter((name) => !name.startsWith('.')), [NAME]);
    const { dependencies, version, bin } = JSON.parse(readFileSync(join(pkg, 'package.json'), 'utf8'));
    assert.deepEqual({ dependencies, version, bin }, { dependencies: undefined, version: '0.1.0', bin: undefined });
  });

  test('every backend in Node gives the same, by the prime-counting function right, answers', async () => {
    cpSync(join(fixtures, 'answers.mjs'), join(project, 'answers.mjs'));
    const { version, answers } = JSON.parse((await command(process.execPath, ['answers.mjs'], { cwd: project })).stdout);
    assert.equal(version, '0.1.0');
    // π(3·10⁶) = 216816, less the four below 10. Twelve segments of 2¹⁸.
    const expected = { kernels: ['primes', 'smooth'], parts: 12, streamed: true, count: 216_812, last: 2_999_999, smooth: [1.5, 3], refused: 'BAD_PARAMS to: must be 2 (`from`) or more, got 1' };
    for (const [backend, answer] of Object.entries(answers)) assert.deepEqual(answer, expected, backend);
    assert.deepEqual(Object.keys(answers), ['threads', 'workers', 'inline', 'process']);
  });

  const settings = {
    'a bundler and a page': { module: 'esnext', moduleResolution: 'bundler', lib: ['esnext', 'dom'], types: [] },
    'Node': { module: 'nodenext', moduleResolution: 'nodenext', lib: ['esnext'], types: ['node'] },
  };
  for (const [what, options] of Object.entries(settings)) {
    test(`its types, for ${what}`, async () => {
      cpSync(join(fixtures, 'program.ts'), join(project, 'program.ts'));
      for (const name of ['@types/node', 'undici-types']) cpSync(join(modules, name), join(project, 'node_modules', name), { recursive: true });
      const compilerOptions = { target: 'es2022', strict: true, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true, skipLibCheck: false, noEmit: true, ...options };
      writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['program.ts'] }));
      await command(process.execPath, [join(modules, 'typescript/bin/tsc'), '--project', 'tsconfig.json'], { cwd: project });
    });
  }

  test('it has a page of its kernels, and no path of the machine that built it', async () => {
    const docs = readFileSync(join(pkg, 'KERNELS.md'), 'utf8');
    assert.match(docs, /^## primes$/m);
    assert.match(docs, /\| `radius` \| whole number \| Neighbours on each side/);
    const files = readdirSync(pkg, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath ?? entry.path, entry.name));
    // The library's own folder is named where a panic's place is: here it is no registry's, whose path is cut off.
    const left = (file) => readFileSync(file, 'latin1').replaceAll(library, '');
    assert.deepEqual(files.filter((file) => [root, `${homedir()}/`].some((path) => left(file).includes(path))), []);
  });
});

test('built-in kernels beside one\'s own: those that are named, and no others', async (t) => {
  const path = await otherCrate('mixed', {
    'Cargo.toml': (text) => text.replace('["allocator"]', '["allocator", "search"]'),
    'src/lib.rs': (text) => text.replace('kernels![Primes, Smooth]', 'kernels![Primes, loomwork::kernels::Search, Smooth]'),
  });
  // One artifact is enough here: the three differ in how they are compiled only.
  const { code, all } = await loomwork(['build', '--artifact', 'simd'], { cwd: path });
  assert.equal(code, 0, all);
  assert.match(all, /sieve-and-smooth 0\.1\.0 in pkg: primes, search, smooth/);
  const { createHost } = await import(pathToFileURL(join(path, 'pkg/node.js')));
  const host = await createHost();
  t.after(() => host.close());
  assert.deepEqual([host.backend, host.kernels], ['workers', ['primes', 'search', 'smooth']]);
  const { lines, starts } = await host.run('search', { data: new TextEncoder().encode('one\nnone\n'), pattern: 'n[eo]' });
  assert.deepEqual([[...lines], [...starts]], [[1, 2, 2], [1, 4, 6]]);
  const { primes } = await host.run('primes', { to: 12 });
  assert.deepEqual([...primes], [2, 3, 5, 7, 11]);
  assert.match(readFileSync(join(path, 'pkg/KERNELS.md'), 'utf8'), /^## search$/m);
});

describe('what goes wrong before anything is compiled', () => {
  test('names that cannot be', async () => {
    refused(await loomwork(['new', 'My Kernels'], { cwd: folder }), 2, /'My Kernels' cannot be a crate's name: .* as in 'my-kernels'/);
    refused(await loomwork(['new', 'async'], { cwd: folder }), 2, /'async' cannot be a crate's name: Rust has it already/);
    refused(await loomwork(['new'], { cwd: folder }), 2, /missing required argument 'NAME'/);
  });

  test('a folder that exists', async () => {
    refused(await loomwork(['new', NAME], { cwd: folder }), 2, /sieve-and-smooth exists already: choose another name, or delete it/);
  });

  test('--crate that is not the crate', async () => {
    refused(await loomwork(['new', 'other', '--crate', fixtures], { cwd: folder }), 2, /fixtures is not the folder of the crate loomwork/);
    assert.ok(!existsSync(join(folder, 'other')));
  });

  test('no crate, or one without kernels', async () => {
    // Outside of the repository, whose own Cargo.toml would be found.
    const empty = mkdtempSync(join(tmpdir(), 'loomwork-byo-'));
    const bin = join(folder, 'node_modules/loomwork/bin/loomwork.js');
    const { stderr } = await command(process.execPath, [bin, 'build'], { cwd: empty }).catch(({ cause }) => cause);
    rmSync(empty, { recursive: true });
    assert.match(stderr, /error: there is no Cargo\.toml in \S+ or above it: .*'loomwork new NAME'/);
    const plain = await otherCrate('plain', { 'Cargo.toml': (text) => text.replace(/^loomwork = .*$/m, '') });
    refused(await loomwork(['build'], { cwd: plain }), 1, /does not depend on loomwork, so it has no kernels/);
  });

  test('a Cargo.toml that cannot be right', async () => {
    const builtin = await otherCrate('builtin', { 'Cargo.toml': (text) => text.replace(', default-features = false', '') });
    refused(await loomwork(['build'], { cwd: builtin }), 1, /write default-features = false/);
    const program = await otherCrate('program', {});
    renameSync(join(program, 'src/lib.rs'), join(program, 'src/main.rs'));
    refused(await loomwork(['build'], { cwd: program }), 1, /has no library, so it has no kernels: they are listed in src\/lib\.rs/);
    const broken = await otherCrate('broken', { 'Cargo.toml': (text) => `${text}\n[lib\n` });
    refused(await loomwork(['build'], { cwd: broken }), 1, /\[lib\n/, /error: /);
  });

  test('no rustup, no toolchain', async () => {
    // A PATH of its own: Node and nothing of Rust.
    const tools = join(home, 'path');
    rmSync(tools, { recursive: true, force: true });
    mkdirSync(tools, { recursive: true });
    symlinkSync(process.execPath, join(tools, 'node'));
    const bin = join(folder, 'node_modules/loomwork/bin/loomwork.js');
    const env = { ...process.env, PATH: tools, CARGO_HOME: tools, NO_COLOR: '1' };
    const build = () => command(process.execPath, [bin, 'build'], { cwd: crate, env }).catch(({ cause }) => cause);
    assert.match((await build()).stderr, /error: rustup is missing, .*https:\/\/rustup\.rs/);
    writeFileSync(join(tools, 'rustup'), '#!/bin/sh\n[ "$1" = --version ]\n');
    chmodSync(join(tools, 'rustup'), 0o755);
    assert.match((await build()).stderr, /the Rust toolchain nightly-[\d-]+ is missing: run\n\n {2}rustup toolchain install nightly-[\d-]+ --profile minimal -c rust-src -t wasm32-unknown-unknown\n\nor give --install/);
  });

  test('another wasm-bindgen', async () => {
    const other = join(home, 'other-wasm-bindgen');
    writeFileSync(other, '#!/bin/sh\necho wasm-bindgen 0.2.99\n');
    chmodSync(other, 0o755);
    refused(await loomwork(['build', '--wasm-bindgen', other]), 1, /other-wasm-bindgen is wasm-bindgen 0\.2\.99, and must be wasm-bindgen 0\.2\.\d+/);
    refused(await loomwork(['build', '--wasm-bindgen', '/nowhere']), 1, /\/nowhere is no wasm-bindgen/);
  });

  test('a folder that is no package is not overwritten', async () => {
    refused(await loomwork(['build', '--artifact', 'simd', '--out', 'src']), 1, /src is not empty and no package that was built here/);
    assert.ok(existsSync(join(crate, 'src/lib.rs')));
  });
});

describe('what the compiler refuses, in the user\'s terms', () => {
  const smooth = 'src/smooth.rs';

  test('a kernel\'s name twice', async () => {
    const path = await otherCrate('twice', { [smooth]: (text) => text.replace('"smooth"', '"primes"') });
    refused(await loomwork(['build'], { cwd: path }), 1, /two kernels in kernels!\[…\] have the NAME 'primes'/, /--> src\/lib\.rs:\d+/, /error: cargo rustc failed/);
  });

  test('a name that cannot be', async () => {
    const path = await otherCrate('named', { [smooth]: (text) => text.replace('"smooth"', '"Smooth it"') });
    refused(await loomwork(['build'], { cwd: path }), 1, /a kernel's NAME must be lower-case words .* not 'Smooth it'/);
  });

  test('params that are not Deserialize', async () => {
    const path = await otherCrate('params', { [smooth]: (text) => text.replace('Clone, Deserialize, JsonSchema', 'Clone, JsonSchema') });
    refused(await loomwork(['build'], { cwd: path }), 1, /`SmoothParams: serde::Deserialize<'de>` is not satisfied/, /--> src\/smooth\.rs:\d+/, /error: cargo rustc failed .*: the params of a kernel need #\[derive\(Deserialize, JsonSchema\)\]/);
  });

  test('an output that is not Serialize', async () => {
    const path = await otherCrate('output', { [smooth]: (text) => text.replace('Clone, Serialize, JsonSchema', 'Clone, JsonSchema') });
    refused(await loomwork(['build'], { cwd: path }), 1, /`SmoothOutput: serde::Serialize` is not satisfied/, /--> src\/smooth\.rs:\d+/, /error: cargo rustc failed .*: the output and the parts of a kernel need #\[derive\(Serialize, JsonSchema\)\]/);
  });

  test('a kernel that can shard, whose params are not Serialize', async () => {
    const path = await otherCrate('shard', { 'src/primes.rs': (text) => text.replace('Clone, Serialize, Deserialize, JsonSchema)]\n#[serde', 'Clone, Deserialize, JsonSchema)]\n#[serde') });
    refused(await loomwork(['build'], { cwd: path }), 1, /`PrimesParams: serde::Serialize` is not satisfied/, /error: cargo rustc failed .*: a kernel that can shard needs Serialize on its params/);
  });

  test('no list of kernels', async () => {
    const path = await otherCrate('unlisted', { 'src/lib.rs': (text) => text.replace(/^loomwork::kernels!.*$/m, '') });
    refused(await loomwork(['build'], { cwd: path }), 1, /error: the library of 'sieve-and-smooth' lists no kernels: write loomwork::kernels!\[…\] in src\/lib\.rs/);
  });

  test('a crate of another version than the command', async () => {
    const kernels = join(folder, 'node_modules/loomwork/kernels.json');
    const kept = `${kernels}.kept`;
    renameSync(kernels, kept);
    try {
      writeFileSync(kernels, readFileSync(kept, 'utf8').replace(/"version": "[\d.]+"/, '"version": "9.9.9"'));
      refused(await loomwork(['build']), 1, /is built on the crate loomwork \d+\.\d+\.\d+, and this command is of 9\.9\.9/);
    } finally {
      renameSync(kept, kernels);
    }
  });
});

describe('tests that fail, fail', () => {
  test('natively and in the page; a browser that is not there is skipped, or fails when it was asked for', async () => {
    const path = await otherCrate('failing', {
      'tests/cases.mjs': (text) => text.replace("'1.5,3,6,7.5'", "'1,2,3,4'"),
      'tests/native.rs': (text) => text.replace('[1.5, 3.0, 6.0, 7.5]', '[1.5, 3.0, 6.0, 8.5]'),
    });
    cpSync(pkg, join(path, 'pkg'), { recursive: true });
    const result = await loomwork(['test', '--no-build'], { cwd: path, env: { FIREFOX: '/nowhere/firefox' } });
    refused(result, 1, /^FAIL {2}native: /m, /^FAIL {2}node: /m, /^FAIL {2}chromium: /m, /chromium: means of neighbours: Error: expected 1,2,3,4, got 1\.5,3,6,7\.5/, /^skip {2}firefox: FIREFOX is \/nowhere\/firefox, which does not exist$/m, /error: tests failed: native, node, chromium/);
    const asked = await loomwork(['test', '--no-build', '--only', 'browser', '--browser', 'firefox'], { cwd: path, env: { FIREFOX: '/nowhere/firefox' } });
    refused(asked, 1, /^FAIL {2}firefox: FIREFOX is \/nowhere\/firefox/m);
  });
});
