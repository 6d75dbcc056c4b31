// What `build` and `test` share: telling of steps that take a while, and the build itself.
import { readFileSync, statSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { gzipSync } from 'node:zlib';
import { Option, type Command } from 'commander';
import { ARTIFACTS, buildArtifact, type Built } from '../crate/artifacts.ts';
import { findCrate, type Crate } from '../crate/crate.ts';
import { describe } from '../crate/describe.ts';
import { BuildError } from '../crate/errors.ts';
import { checkFolder, checkVersion, writePackage } from '../crate/package.ts';
import { needToolchain, needWasmBindgen } from '../crate/toolchain.ts';
import type { Watch } from '../crate/tools.ts';
import type { Artifact } from '../host/shared/artifact.ts';
import { writeStderr } from './streams.ts';
import { canRedraw, duration, paletteFor } from './terminal.ts';

export interface BuildOptions {
  out: string;
  artifact?: Artifact[];
  install?: boolean;
  wasmBindgen?: string;
}

/** The options of a build, on the commands that build. */
export function withBuildOptions(command: Command): Command {
  return command
    .option('--out <DIR>', 'folder of the package, in the crate', 'pkg')
    .addOption(new Option('--artifact <NAME...>', 'build only these artifacts, to try something out quickly').choices(ARTIFACTS))
    .option('--install', 'install the Rust toolchain, by rustup, when it is missing')
    .option('--wasm-bindgen <FILE>', 'use this wasm-bindgen (default: one of the right version, else it is installed into target/tools)');
}

/** Builds the crate in the current folder, and tells on standard error how it goes. */
export async function buildCrate({ out, artifact, install, wasmBindgen }: BuildOptions): Promise<{ crate: Crate; folder: string; sizes: { artifact: Artifact; bytes: number; gzipped: number }[] }> {
  const colours = paletteFor(process.stderr);
  await needToolchain(install ? step : undefined);
  const crate = await findCrate(process.cwd());
  if (crate.builtin) throw new BuildError("this is loomwork itself: './build.sh build' builds it");
  const folder = resolve(crate.dir, out);
  checkFolder(folder);
  const bindgen = await needWasmBindgen(crate.target, wasmBindgen, step);
  const work = join(crate.target, 'loomwork');
  const description = await step('kernels and their types', (watch) => describe(crate, join(work, 'describe'), watch));
  checkVersion(crate, description);
  const built: Partial<Record<Artifact, Built>> = {};
  const sizes = [];
  for (const name of ARTIFACTS) {
    if (artifact && !artifact.includes(name)) continue;
    const done = await step(`artifact ${name}`, (watch) => buildArtifact(crate, name, { bindgen, cargoDir: join(work, 'cargo'), outDir: join(work, 'wasm') }, watch));
    built[name] = done;
    sizes.push({ artifact: name, bytes: statSync(done.wasm).size, gzipped: gzipSync(readFileSync(done.wasm)).length });
  }
  writePackage(crate, description, built, folder);
  const names = description.kernels.map(({ name }) => name).join(', ');
  await writeStderr(`${colours.green(`${crate.npm} ${crate.version}`)} in ${relative(process.cwd(), folder) || '.'}: ${names}\n`);
  return { crate, folder, sizes };
}

/** Runs a step: on a terminal its line shows what is going on. */
export async function step<T>(name: string, work: (watch: Watch) => Promise<T>): Promise<T> {
  const colours = paletteFor(process.stderr);
  const live = canRedraw(process.stderr);
  const begun = performance.now();
  await writeStderr(`${name}… `);
  const clear = live ? '\r\x1b[K' : '';
  try {
    const result = await work((line) => {
      if (live) process.stderr.write(`${clear}${name}… ${colours.dim(line.trim().slice(0, Math.max(10, (process.stderr.columns || 80) - name.length - 3)))}`);
    });
    await writeStderr(`${live ? `${clear}${name}… ` : ''}${colours.dim(duration(performance.now() - begun))}\n`);
    return result;
  } catch (error) {
    await writeStderr(`${live ? `${clear}${name}… ` : ''}${colours.red('failed')}\n`);
    throw error;
  }
}
