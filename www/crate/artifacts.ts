// The artifacts: how each is compiled, for the built-in kernels and for a crate of the user's own alike.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Artifact } from '../host/shared/artifact.ts';
import { BuildError } from './errors.ts';
import { COMPILE, featuresOf, type Crate } from './crate.ts';
import { runTool, type Watch } from './tools.ts';

/** Flags of rustc for every artifact. */
const COMMON = [
  // Panics must unwind, in the legacy encoding that Node 20 reads too (the newer one needs Node 22.22).
  '-Cpanic=unwind',
  '-Cllvm-args=-wasm-use-legacy-eh',
  // Without loop strength reduction, which suits machines with other addresses: wasm adds an offset for nothing, and engines do it themselves.
  '-Cllvm-args=-disable-lsr',
];
const EXPORTED = ['__wasm_init_tls', '__tls_size', '__tls_align', '__tls_base', '__heap_base'];

/** Features of the library, and flags of rustc. */
const COMPILED: Record<Artifact, { features: string[]; flags: string[] }> = {
  threads: {
    features: ['simd', 'threads'],
    // With +atomics alone the build succeeds and the memory is silently not shared: all of these are needed.
    flags: [
      '-Ctarget-feature=+atomics,+bulk-memory,+mutable-globals,+simd128',
      '-Clink-arg=--shared-memory',
      '-Clink-arg=--import-memory',
      // The most that wasm32 can address; a host asks for less with `maxMemory`.
      `-Clink-arg=--max-memory=${2 ** 32}`,
      ...EXPORTED.map((name) => `-Clink-arg=--export=${name}`),
    ],
  },
  simd: { features: ['simd'], flags: ['-Ctarget-feature=+bulk-memory,+simd128'] },
  baseline: { features: [], flags: ['-Ctarget-feature=-simd128'] },
};

export const ARTIFACTS = Object.keys(COMPILED) as Artifact[];

/** Speed first, whatever the crate's own profile says. */
const PROFILE = { CARGO_PROFILE_RELEASE_OPT_LEVEL: '3', CARGO_PROFILE_RELEASE_LTO: 'fat', CARGO_PROFILE_RELEASE_CODEGEN_UNITS: '1', CARGO_PROFILE_RELEASE_PANIC: 'unwind' };

/** The standard library anew, for these flags. Without `backtrace`, which wasm has not, but whose readers of debug information take seconds to compile. */
const STD = ['-Zbuild-std=std,panic_unwind', '-Zbuild-std-features=panic-unwind'];

const QUICK = { CARGO_PROFILE_RELEASE_LTO: 'off', CARGO_PROFILE_RELEASE_CODEGEN_UNITS: '16' };

export interface ArtifactOptions {
  /** More of the library's features. */
  features?: string[];
  /** For tests of the host: without the groups of kernels, and compiled fast rather than to be fast. */
  quick?: boolean;
  /** Keep the names of functions, for the stacks of traps. */
  names?: boolean;
  /** wasm-bindgen, of the version that the library has. */
  bindgen: string;
  /** Where cargo builds, and where the artifact goes: both get a folder for each artifact. */
  cargoDir: string;
  outDir: string;
}

/** An artifact with its wasm-bindgen glue, in a folder of its own. */
export interface Built {
  readonly wasm: string;
  readonly glue: string;
}

/**
 * Compiles a crate to one artifact. cargo decides itself what is fresh; wasm-bindgen runs only when cargo's output has changed.
 *
 * wasm-opt is left out on purpose: after LTO its -O3 saves a tenth of the raw size and no time, and with binaryen 132 the thread pool of the
 * result never comes up.
 *
 * @throws BuildError with what cargo or wasm-bindgen said
 */
export async function buildArtifact(crate: Crate, artifact: Artifact, options: ArtifactOptions, watch?: Watch): Promise<Built> {
  const { features, flags } = COMPILED[artifact];
  const cargoDir = join(options.cargoDir, artifact);
  const out = join(options.outDir, artifact);
  const built = { wasm: join(out, 'loomwork_bg.wasm'), glue: join(out, 'loomwork.js') };
  const args = [...COMPILE, '--release', '--package', crate.id, ...featuresOf(crate, [...features, ...(options.features ?? [])], { groups: !options.quick }), ...STD];
  const rustflags = [...flags, ...COMMON, ...(await remapped(crate))].join('\x1f');
  await runTool('cargo', args, { cwd: crate.dir, env: { ...PROFILE, ...(options.quick && QUICK), CARGO_TARGET_DIR: cargoDir, CARGO_ENCODED_RUSTFLAGS: rustflags }, watch });

  const compiled = join(cargoDir, 'wasm32-unknown-unknown/release', `${crate.lib}.wasm`);
  const bindgen = [
    compiled, '--out-dir', out, '--out-name', 'loomwork', '--target', 'web', '--omit-default-module-path', '--no-typescript',
    ...(options.names ? [] : ['--remove-name-section']), '--remove-producers-section',
  ];
  const stamp = join(out, 'stamp');
  const hash = createHash('sha256').update(readFileSync(compiled)).update(bindgen.join()).update(options.bindgen).digest('hex');
  if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== hash) {
    mkdirSync(out, { recursive: true });
    await runTool(options.bindgen, bindgen, { cwd: crate.dir });
    writeFileSync(stamp, hash);
  }
  return built;
}

/** The size that the threads artifact's memory starts with: whoever makes the memory must make it at least so large. */
export function initialPages(glue: string): number {
  const match = /new WebAssembly\.Memory\(\{initial:(\d+),maximum:\d+,shared:true\}\)/.exec(glue);
  if (!match) throw new BuildError('the threads artifact does not make a shared memory: were its link flags lost?');
  return Number(match[1]);
}

/** Places of panics are in the artifacts: they name the source, not the folders of the machine that compiled it. */
async function remapped(crate: Crate): Promise<string[]> {
  const sysroot = (await runTool('rustc', ['--print', 'sysroot'], { cwd: crate.dir })).trim();
  const registry = join(process.env['CARGO_HOME'] ?? join(homedir(), '.cargo'), 'registry/src');
  return [`--remap-path-prefix=${sysroot}/lib/rustlib/src/rust=rust`, `--remap-path-prefix=${registry}=crates`];
}
