// Compiles the crate to its three wasm artifacts, each with its wasm-bindgen glue, under target/wasm/NAME/.
//
//   node www/build/artifacts.mjs [--faults] [NAME…]      NAME: threads, simd, baseline (default: all)
//
// --faults adds the kernel that fails in every way, for the tests, and writes to target/wasm-faults/ instead.
//
// cargo decides itself what is fresh; wasm-bindgen runs only when cargo's output has changed.
// wasm-opt is left out on purpose: after LTO its -O3 saves a tenth of the raw size and no time, and with binaryen 132 the thread pool of
// the result never comes up.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

const root = join(dirname(fileURLToPath(import.meta.url)), '../..');
const target = process.env.CARGO_TARGET_DIR ?? join(root, 'target');
const tools = join(root, 'target/tools/bin');

// Panics must unwind, in the legacy encoding that Node 20 reads too (the newer one needs Node 22.22).
const unwind = ['-Cpanic=unwind', '-Cllvm-args=-wasm-use-legacy-eh'];
// Places of panics are in the artifacts: they name the source, not the folders of the machine that compiled it.
const remapped = [
  `--remap-path-prefix=${execFileSync('rustc', ['--print', 'sysroot'], { cwd: root, encoding: 'utf8' }).trim()}/lib/rustlib/src/rust=rust`,
  `--remap-path-prefix=${process.env.CARGO_HOME ?? join(homedir(), '.cargo')}/registry/src=crates`,
];
const exported = ['__wasm_init_tls', '__tls_size', '__tls_align', '__tls_base', '__heap_base'];
const artifacts = {
  threads: {
    features: ['builtin', 'simd', 'threads'],
    // With +atomics alone the build succeeds and the memory is silently not shared: all of these are needed.
    flags: [
      '-Ctarget-feature=+atomics,+bulk-memory,+mutable-globals,+simd128',
      '-Clink-arg=--shared-memory',
      '-Clink-arg=--import-memory',
      // The most that wasm32 can address; a host asks for less with `maxMemory`.
      `-Clink-arg=--max-memory=${2 ** 32}`,
      ...exported.map((name) => `-Clink-arg=--export=${name}`),
    ],
  },
  simd: { features: ['builtin', 'simd'], flags: ['-Ctarget-feature=+bulk-memory,+simd128'] },
  baseline: { features: ['builtin'], flags: ['-Ctarget-feature=-simd128'] },
};

// Fault tests want failures, not speed: half the time to compile.
const quick = { CARGO_PROFILE_RELEASE_LTO: 'off', CARGO_PROFILE_RELEASE_CODEGEN_UNITS: '16' };

const faults = process.argv.includes('--faults');
const asked = process.argv.slice(2).filter((argument) => argument !== '--faults');
const running = new Set();
const names = asked.length > 0 ? asked : Object.keys(artifacts);
for (const name of names) {
  if (!artifacts[name]) {
    console.error(`no artifact is named '${name}': ${Object.keys(artifacts).join(', ')}`);
    process.exit(2);
  }
}
// Side by side: for most of its time each keeps one core busy, with the optimisation of the whole at its end.
const lines = await Promise.all(names.map((name) => build(name, artifacts[name])));
console.log(lines.join('\n'));

async function build(name, { features, flags }) {
  const cargoDir = join(target, faults ? 'cargo-faults' : 'cargo', name);
  await run('cargo', [
    'build', '--quiet', '--lib', '--release', '--target', 'wasm32-unknown-unknown',
    '--no-default-features', '--features', [...features, ...(faults ? ['faults'] : [])].join(','), '-Zbuild-std=std,panic_unwind',
  ], { CARGO_TARGET_DIR: cargoDir, CARGO_ENCODED_RUSTFLAGS: [...flags, ...unwind, ...remapped].join('\x1f'), ...(faults && quick) });

  const compiled = join(cargoDir, 'wasm32-unknown-unknown/release/loomwork.wasm');
  const out = join(root, faults ? 'target/wasm-faults' : 'target/wasm', name);
  const stamp = join(out, 'stamp');
  const hash = createHash('sha256').update(readFileSync(compiled)).update(readFileSync(fileURLToPath(import.meta.url))).digest('hex');
  if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== hash) {
    mkdirSync(out, { recursive: true });
    await run(join(tools, 'wasm-bindgen'), [
      compiled, '--out-dir', out, '--out-name', 'loomwork', '--target', 'web', '--omit-default-module-path', '--no-typescript',
      // The tests want the names of functions in a trap's stack.
      ...(faults ? [] : ['--remove-name-section']), '--remove-producers-section',
    ]);
    writeFileSync(stamp, hash);
  }
  const wasm = readFileSync(join(out, 'loomwork_bg.wasm'));
  const megabytes = (bytes) => `${(bytes / 1e6).toFixed(2)} MB`;
  return `  ${name.padEnd(8)} ${megabytes(statSync(join(out, 'loomwork_bg.wasm')).size)}, ${megabytes(gzipSync(wasm).length)} gzipped`;
}

async function run(command, args, env = {}) {
  const child = spawn(command, args, { cwd: root, stdio: 'inherit', env: { ...process.env, ...env } });
  running.add(child);
  const [code] = await once(child, 'exit').catch((error) => {
    fail(error.code === 'ENOENT' ? `${command} is missing: run ./build.sh setup` : `${command}: ${error.message}`);
  });
  running.delete(child);
  if (code !== 0) fail(`${command} failed`);
}

/** One failure ends all. */
function fail(message) {
  console.error(message);
  for (const child of running) child.kill();
  process.exit(1);
}
