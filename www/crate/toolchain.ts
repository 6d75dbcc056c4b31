// What a build needs beside Node: the pinned Rust toolchain, which the user installs or tells us to, and wasm-bindgen, which goes into the
// crate's own target folder.
import { accessSync, constants, existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { BuildError } from './errors.ts';
import { CHANNEL, PATH, runTool, type Watch } from './tools.ts';

/** The version of wasm-bindgen that the library is made with: its program must be exactly that. */
declare const __WASM_BINDGEN__: string;
export const WASM_BINDGEN = __WASM_BINDGEN__;

const INSTALL = ['toolchain', 'install', CHANNEL, '--profile', 'minimal', '-c', 'rust-src', '-t', 'wasm32-unknown-unknown'];
const EXE = process.platform === 'win32' ? '.exe' : '';

/** Hears what is being installed. */
export type Installing = <T>(what: string, work: (watch: Watch) => Promise<T>) => Promise<T>;

/**
 * Makes sure of the Rust toolchain.
 *
 * @param installing installs it when it is missing; without, that is an error
 * @throws BuildError with the command that mends it
 */
export async function needToolchain(installing?: Installing): Promise<void> {
  try {
    await runTool('rustup', ['--version']);
  } catch (error) {
    throw new BuildError('rustup is missing, which installs Rust: get it from https://rustup.rs, and open a new shell', '', { cause: error });
  }
  const lack = await whatLacks();
  if (lack === undefined) return;
  const command = `rustup ${INSTALL.join(' ')}`;
  if (!installing) throw new BuildError(`${lack}: run\n\n  ${command}\n\nor give --install, which does it`);
  await installing(command, (watch) => runTool('rustup', INSTALL, { watch }));
  const still = await whatLacks();
  if (still !== undefined) throw new BuildError(`${still}, even after '${command}'`);
}

async function whatLacks(): Promise<string | undefined> {
  let sysroot: string;
  try {
    sysroot = (await runTool('rustup', ['run', CHANNEL, 'rustc', '--print', 'sysroot'])).trim();
  } catch {
    return `the Rust toolchain ${CHANNEL} is missing`;
  }
  // Rust's standard library is compiled with threads, so its sources are needed.
  if (!existsSync(join(sysroot, 'lib/rustlib/src/rust/library'))) return `the Rust toolchain ${CHANNEL} lacks rust-src, the sources of the standard library`;
  if (!existsSync(join(sysroot, 'lib/rustlib/wasm32-unknown-unknown'))) return `the Rust toolchain ${CHANNEL} lacks the target wasm32-unknown-unknown`;
  return undefined;
}

/**
 * The program wasm-bindgen: the one that was named, or one of the right version from the crate's target folder or the PATH; else it is
 * compiled into the target folder, which takes a minute or two, once.
 *
 * @throws BuildError when the one that was named is missing or of another version, or when it cannot be installed
 */
export async function needWasmBindgen(target: string, named: string | undefined, installing: Installing): Promise<string> {
  if (named !== undefined) {
    const version = await versionOf(named);
    if (version === WASM_BINDGEN) return named;
    throw new BuildError(`${named} is ${version === undefined ? 'no wasm-bindgen' : `wasm-bindgen ${version}`}, and must be wasm-bindgen ${WASM_BINDGEN}: leave --wasm-bindgen out, and the right one is installed into ${join(target, 'tools')}`);
  }
  const root = join(target, 'tools');
  const own = join(root, 'bin', `wasm-bindgen${EXE}`);
  for (const program of [own, ...onPath(`wasm-bindgen${EXE}`)]) {
    if (existsSync(program) && (await versionOf(program)) === WASM_BINDGEN) return program;
  }
  // Not --locked: its lock names a package version that is not published any more.
  const args = ['install', 'wasm-bindgen-cli', '--version', WASM_BINDGEN, '--root', root, '--force'];
  try {
    await installing(`wasm-bindgen ${WASM_BINDGEN} into ${root} (a minute or two, once)`, (watch) => runTool('cargo', args, { env: { CARGO_TARGET_DIR: join(root, 'build') }, watch }));
  } catch (error) {
    const { details } = error as BuildError;
    throw new BuildError(`wasm-bindgen ${WASM_BINDGEN} could not be installed by 'cargo ${args.join(' ')}'`, details, { cause: error });
  }
  return own;
}

async function versionOf(program: string): Promise<string | undefined> {
  try {
    return /^wasm-bindgen (\S+)/.exec(await runTool(program, ['--version']))?.[1];
  } catch {
    return undefined;
  }
}

function onPath(name: string): string[] {
  return PATH.split(delimiter).filter(Boolean).map((folder) => join(folder, name)).filter(isExecutable);
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
