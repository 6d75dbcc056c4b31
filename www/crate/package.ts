// The npm package of a crate of kernels: this package's own files with what differs replaced.
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Catalogue, PACKAGE_ROOT } from '../formats/catalogue.ts';
import type { Artifact } from '../host/shared/artifact.ts';
import { initialPages, type Built } from './artifacts.ts';
import type { Crate } from './crate.ts';
import type { Description } from './describe.ts';
import { kernelDocs } from './docs.ts';
import { BuildError } from './errors.ts';
import { glueRegion, refill } from './glue.ts';
import { manifest, QUEUE_PEERS } from './manifest.ts';
import { kernelTypes } from './types.ts';

const OWN = fileURLToPath(PACKAGE_ROOT);
/** The host's files; `edge.js` links the artifact `simd` in. */
const FILES = ['browser.js', 'worker.js', 'inline.js', 'service-worker.js', 'edge.js', 'isolation.js', 'node.js', 'queue-worker.js', 'worker.node.js', 'process.node.js'];
/** What both sides of the boundary must agree on. */
const SHARED = ['errorCodes', 'dtypes', 'control', 'ring', 'place', 'bell', 'dispatch', 'lane', 'diary'] as const;

/**
 * Refuses a crate that is built on another version of the library than this package is of.
 *
 * @throws BuildError that says which version to take
 */
export function checkVersion(crate: Crate, description: Description): void {
  const own = JSON.parse(readFileSync(join(OWN, 'kernels.json'), 'utf8')) as Description;
  if (description.version !== own.version) {
    throw new BuildError(`'${crate.name}' is built on the crate loomwork ${description.version}, and this command is of ${own.version}: write version = "=${own.version}" in its Cargo.toml, or take the npm package loomwork@${description.version}`);
  }
  const differs = SHARED.find((part) => JSON.stringify(description[part]) !== JSON.stringify(own[part]));
  if (differs) throw new BuildError(`the crate loomwork and this command are both of ${own.version}, and yet not of one build (${differs} differ): take both from the same place`);
}

/**
 * Refuses a folder that holds anything but a package: it is going to be deleted.
 *
 * @throws BuildError
 */
export function checkFolder(out: string): void {
  const isPackage = existsSync(join(out, 'kernels.json')) && existsSync(join(out, 'worker.node.js'));
  if (existsSync(out) && readdirSync(out).length > 0 && !isPackage) throw new BuildError(`${out} is not empty and no package that was built here: name another folder with --out`);
}

/** Writes the package into a folder, which is made anew. */
export function writePackage(crate: Crate, description: Description, built: Partial<Record<Artifact, Built>>, out: string): void {
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out, { recursive: true });
  const artifacts = Object.keys(built) as Artifact[];
  const glue = Object.fromEntries(artifacts.map((artifact) => [artifact, readFileSync(built[artifact]!.glue, 'utf8')]));
  const facts = { name: crate.npm, version: crate.version, artifacts, initialPages: built.threads ? initialPages(readFileSync(built.threads.glue, 'utf8')) : 1 };
  const region = glueRegion(glue);
  for (const file of FILES) {
    if (file === 'edge.js' && !built.simd) continue;
    writeFileSync(join(out, file), refill(readFileSync(join(OWN, file), 'utf8'), facts, region));
    cpSync(join(OWN, `${file}.map`), join(out, `${file}.map`));
  }
  for (const artifact of artifacts) cpSync(built[artifact]!.wasm, join(out, `loomwork.${artifact}.wasm`));
  cpSync(join(OWN, 'types'), join(out, 'types'), { recursive: true });
  writeFileSync(join(out, 'types/host/shared/kernels.d.ts'), kernelTypes(description, './generated.ts'));
  writeFileSync(join(out, 'kernels.json'), JSON.stringify(description, null, 2));
  const { npm: name, version, description: about, license } = crate;
  writeFileSync(join(out, 'package.json'), `${JSON.stringify(manifest({ name, version, description: about, license }, artifacts, QUEUE_PEERS), null, 2)}\n`);
  const docs = kernelDocs(new Catalogue(description.kernels, description.$defs));
  writeFileSync(join(out, 'KERNELS.md'), `# Kernels of ${name}\n\n${docs}`);
  const readme = join(crate.dir, 'README.md');
  writeFileSync(join(out, 'README.md'), existsSync(readme) ? readFileSync(readme, 'utf8') : `# ${name}\n\n${about}\n\nIts kernels are described in [KERNELS.md](KERNELS.md).\n`);
  for (const file of readdirSync(crate.dir)) {
    if (/^(LICEN[CS]E|COPYING|CHANGELOG)/i.test(file)) cpSync(join(crate.dir, file), join(out, file), { recursive: true });
  }
  // The host's own terms, which go along with its files.
  for (const file of readdirSync(OWN)) {
    if (/^LICENSE-/.test(file)) cpSync(join(OWN, file), join(out, `${basename(file)}-loomwork`));
  }
}
