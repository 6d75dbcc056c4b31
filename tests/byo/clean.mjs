// A clean folder as a user has it: the packed npm package installed, the packed crate unpacked beside it, and nothing of the working tree.
import { execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

export const root = fileURLToPath(new URL('../..', import.meta.url));
/** Everything lies here, so that what cargo has made is still there the next time. */
export const home = join(root, 'target/byo');
/** What a user types the commands in. */
export const folder = join(home, 'clean');
/** The name that the tests give their crate. */
export const NAME = 'sieve-and-smooth';
export const crate = join(folder, NAME);

/** The environment of a user who has Rust and Node, and a target folder that is shared with earlier runs. */
export function environment(more = {}) {
  const { FORCE_COLOR, LOOMWORK_DEBUG, RUSTUP_TOOLCHAIN, RUSTFLAGS, NODE_TEST_CONTEXT, ...clean } = process.env;
  return { ...clean, NO_COLOR: '1', CARGO_TARGET_DIR: join(home, 'cargo'), CARGO_INCREMENTAL: '0', ...more };
}

/** Packs crate and package and installs them; returns what had to be typed. */
export async function setUp() {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  shareCargo();
  const library = await packCrate();
  const packed = join(home, 'npm');
  rmSync(packed, { recursive: true, force: true });
  mkdirSync(packed);
  await command('npm', ['pack', '--pack-destination', packed], { cwd: join(root, 'pkg') });
  const tarball = join(packed, readdirSync(packed)[0]);
  await command('npm', ['install', '--no-audit', '--no-fund', tarball], { cwd: folder });
  return { library, tarball };
}

/** The standard library and what the crate depends on are compiled for the built-in kernels already, in these folders and in the same way. */
function shareCargo() {
  const work = join(environment().CARGO_TARGET_DIR, 'loomwork');
  mkdirSync(work, { recursive: true });
  for (const name of ['cargo', 'describe']) {
    rmSync(join(work, name), { recursive: true, force: true });
    symlinkSync(join(root, 'target', name), join(work, name));
  }
}

/** The crate as crates.io would have it. Its folder is named by what is in it: cargo looks at times, which are all the same in a packed crate. */
async function packCrate() {
  await command('cargo', ['package', '--quiet', '--no-verify', '--allow-dirty', '--target-dir', join(home, 'package')], { cwd: root, env: environment({ RUSTUP_TOOLCHAIN: process.env.RUSTUP_TOOLCHAIN }) });
  const file = readdirSync(join(home, 'package/package')).find((name) => name.endsWith('.crate'));
  const bytes = readFileSync(join(home, 'package/package', file));
  const unpacked = join(home, 'crates', createHash('sha256').update(bytes).digest('hex').slice(0, 16));
  const library = join(unpacked, file.replace(/\.crate$/, ''));
  if (!existsSync(library)) {
    rmSync(join(home, 'crates'), { recursive: true, force: true });
    mkdirSync(unpacked, { recursive: true });
    await command('tar', ['-xzf', join(home, 'package/package', file), '-C', unpacked], { cwd: home });
  }
  return library;
}

/** Runs a command to its end; what it printed is in the message when it fails. */
export async function command(file, args, options) {
  try {
    return await promisify(execFile)(file, args, { maxBuffer: 1 << 26, env: environment(), ...options });
  } catch (error) {
    throw new Error(`${file} ${args.join(' ')} failed: ${error.message}\n${error.stdout ?? ''}`, { cause: error });
  }
}

/** `npx loomwork …`, as a user types it; what it said and its exit code. */
export async function loomwork(args, { cwd = crate, env = {} } = {}) {
  const child = spawn('npx', ['--no-install', 'loomwork', ...args], { cwd, env: environment(env), stdio: ['ignore', 'pipe', 'pipe'] });
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text) => (stderr += text));
  const code = await new Promise((resolve) => child.on('close', resolve));
  return { code, stdout, stderr, all: `${stdout}\n${stderr}` };
}

/** A second crate of one small kernel, for builds that fail; `edit` changes a file of it. */
export async function otherCrate(name, files) {
  const path = join(folder, name);
  cpSync(crate, path, { recursive: true, filter: (from) => !/\/(pkg|target)$/.test(from) });
  for (const [file, edit] of Object.entries(files)) {
    const before = readFileSync(join(path, file), 'utf8');
    const after = edit(before);
    if (after === before) throw new Error(`${file} is as it was`);
    writeFileSync(join(path, file), after);
  }
  return path;
}
