// The crate that is built: what cargo knows about it, and whether it can be built at all.
import { dirname, join, resolve } from 'node:path';
import { BuildError } from './errors.ts';
import { runTool } from './tools.ts';

export interface Crate {
  /** Name and version, as in Cargo.toml. */
  readonly name: string;
  /** Name of the npm package: the crate's, unless `[package.metadata.loomwork] npm` says otherwise. */
  readonly npm: string;
  readonly version: string;
  readonly description: string;
  readonly license: string | undefined;
  /** Where its Cargo.toml lies. */
  readonly dir: string;
  /** cargo's target folder. */
  readonly target: string;
  /** Stem of the file that its library is compiled to. */
  readonly lib: string;
  /** cargo's name for exactly this package. */
  readonly id: string;
  /** Whether it is the library itself, with the built-in kernels. */
  readonly builtin: boolean;
  /** Its own features. */
  readonly features: readonly string[];
}

/** The parts of `cargo metadata` that are used. */
interface Package {
  id: string;
  name: string;
  version: string;
  metadata: { loomwork?: { npm?: string } } | null;
  description: string | null;
  license: string | null;
  manifest_path: string;
  features: Record<string, string[]>;
  targets: { name: string; kind: string[] }[];
  dependencies: { name: string; rename: string | null; kind: string | null; uses_default_features: boolean; features: string[] }[];
}

/**
 * The crate in a folder or above it.
 *
 * @throws BuildError when there is none, or it is no crate of kernels
 */
export async function findCrate(folder: string): Promise<Crate> {
  const manifest = await locate(folder);
  const metadata = JSON.parse(await runTool('cargo', ['metadata', '--no-deps', '--format-version', '1', '--manifest-path', manifest])) as { packages: Package[]; target_directory: string };
  const found = metadata.packages.find(({ manifest_path }) => resolve(manifest_path) === resolve(manifest));
  if (!found) throw new BuildError(`${manifest} is a workspace and no crate: go into the folder of the crate of kernels`);
  const builtin = found.name === 'loomwork';
  if (!builtin) checkDependency(found, manifest);
  const lib = found.targets.find(({ kind }) => kind.some((type) => type.endsWith('lib')));
  if (!lib) throw new BuildError(`'${found.name}' (${manifest}) has no library, so it has no kernels: they are listed in src/lib.rs`);
  return {
    name: found.name,
    npm: found.metadata?.loomwork?.npm ?? found.name,
    version: found.version,
    description: found.description ?? `Compute kernels: ${found.name}`,
    license: found.license ?? undefined,
    dir: dirname(manifest),
    target: metadata.target_directory,
    lib: lib.name.replaceAll('-', '_'),
    id: found.id,
    builtin,
    features: Object.keys(found.features),
  };
}

/** Features that a crate may have too, for what its own dependencies need. */
const OWN_TOO = ['simd', 'threads'];

/** What compiles a library to wasm: cargo's command, to which options are added. As `cdylib` only here, since a crate that always was one could not be depended on. */
export const COMPILE = ['rustc', '--lib', '--crate-type', 'cdylib', '--target', 'wasm32-unknown-unknown'];

/** Arguments that turn features of the library on, from wherever it is built; and the crate's own of the same names. `groups`: all of the library's own kernels. */
export function featuresOf(crate: Crate, features: readonly string[], { groups = true } = {}): string[] {
  const own = features.filter((feature) => !crate.builtin && OWN_TOO.includes(feature) && crate.features.includes(feature));
  const all = [...(crate.builtin ? ['builtin', ...(groups ? ['all-kernels'] : []), ...features] : features.map((feature) => `loomwork/${feature}`)), ...own];
  return [...(crate.builtin ? ['--no-default-features'] : []), ...(all.length > 0 ? ['--features', all.join(',')] : [])];
}

async function locate(folder: string): Promise<string> {
  try {
    return (await runTool('cargo', ['locate-project', '--message-format', 'plain'], { cwd: folder })).trim();
  } catch (error) {
    if (!(error instanceof BuildError) || error.details === '') throw error;
    if (!/could not find/.test(error.details)) throw new BuildError('the Cargo.toml here cannot be read', error.details, { cause: error });
    throw new BuildError(`there is no Cargo.toml in ${folder} or above it: go into a crate of kernels, or make one with 'loomwork new NAME'`, '', { cause: error });
  }
}

function checkDependency({ dependencies, name }: Package, manifest: string): void {
  const needed = dependencies.find((dependency) => dependency.name === 'loomwork' && dependency.kind === null);
  if (!needed) throw new BuildError(`'${name}' (${manifest}) does not depend on loomwork, so it has no kernels: add it to [dependencies], or make a crate of kernels with 'loomwork new NAME'`);
  if (needed.rename !== null) throw new BuildError(`${join(manifest)}: the dependency loomwork must keep its name, and is renamed to '${needed.rename}'`);
  if (needed.uses_default_features || needed.features.includes('builtin')) {
    throw new BuildError(`${manifest}: the dependency loomwork brings its built-in kernels along: write default-features = false, and leave its feature 'builtin' out`);
  }
}
