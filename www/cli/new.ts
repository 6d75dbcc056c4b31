// `loomwork new NAME`: makes a crate of kernels, out of the example that the tests build (examples/my-kernels).
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { PACKAGE_ROOT } from '../formats/catalogue.ts';
import { FailedError, fileReason, UsageError } from '../formats/errors.ts';
import { VERSION } from '../host/entry/node.ts';
import { writeStdout } from './streams.ts';
import { paletteFor } from './terminal.ts';

/** The example's own name, wherever it stands. */
const EXAMPLE = 'my-kernels';
/** cargo takes no crate of these names: keywords, and crates that every crate has or that tests are. */
const TAKEN = new Set(
  ('abstract alloc as async await become box break const continue core crate do dyn else enum extern false final fn for gen if impl in let loop loomwork macro match ' +
    'mod move mut override priv proc-macro pub ref return self static std struct super test trait true try type typeof unsafe unsized use virtual where while yield').split(' '),
);

export function newCommand(): Command {
  return new Command('new')
    .summary('make a crate of your own kernels')
    .description('Makes a folder with a crate of two kernels, one short and one that streams and shards, with their tests.')
    .argument('<NAME>', 'name of the crate and of its folder, as in my-kernels; with a path, the folder is made there')
    .option('--crate <DIR>', 'take the crate loomwork from this folder instead of crates.io')
    .addHelpText('after', '\nExamples:\n  loomwork new my-kernels\n  cd my-kernels\n  loomwork build\n  loomwork test')
    .action(make);
}

async function make(path: string, { crate }: { crate?: string }): Promise<void> {
  const folder = resolve(path);
  const name = folder.split(/[/\\]/).at(-1)!;
  checkName(name);
  if (existsSync(folder) && !(statSync(folder).isDirectory() && readdirSync(folder).length === 0)) {
    throw new UsageError(`${folder} exists already: choose another name, or delete it`, 'NAME');
  }
  const patch = crate === undefined ? '' : `\n[patch.crates-io]\nloomwork = { path = ${JSON.stringify(libraryIn(crate, folder))} }\n`;
  const template = fileURLToPath(new URL('template/', PACKAGE_ROOT));
  if (!existsSync(join(template, 'Cargo.toml'))) throw new FailedError(`${template}, a folder of this package, is missing: install the package again`);
  try {
    copy(template, folder, (file, text) => {
      const named = text.replaceAll(EXAMPLE, name).replaceAll(EXAMPLE.replaceAll('-', '_'), name.replaceAll('-', '_'));
      return file === 'Cargo.toml' ? `${named.replace(/^loomwork = \{ path = "[^"]*", version = "[^"]*"/m, `loomwork = { version = "=${VERSION}"`)}${patch}` : named;
    });
  } catch (error) {
    throw new FailedError(`${folder} cannot be written: ${fileReason(error)}`, { cause: error });
  }
  const colours = paletteFor(process.stdout);
  const shown = relative(process.cwd(), folder) || '.';
  await writeStdout(`${colours.green(name)} is in ${shown}. Now:\n\n  cd ${shown}\n  npx loomwork build\n  npx loomwork test\n\nThen write your kernels: src/lib.rs lists them.\n`);
}

function checkName(name: string): void {
  if (TAKEN.has(name)) throw new UsageError(`'${name}' cannot be a crate's name: Rust has it already`, 'NAME');
  if (/^[a-z][a-z0-9]*([-_][a-z0-9]+)*$/.test(name) && name.length <= 64) return;
  const better = name.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-').replaceAll(/^[^a-z]+|-+$/g, '').slice(0, 64);
  const hint = better === '' || TAKEN.has(better) ? '' : `, as in '${better}'`;
  throw new UsageError(`'${name}' cannot be a crate's name: it must be up to 64 lower-case letters and digits with single dashes between${hint}`, 'NAME');
}

/** The library's folder as it is written into Cargo.toml: relative, so that both can move together. */
function libraryIn(given: string, folder: string): string {
  const library = resolve(given);
  const manifest = join(library, 'Cargo.toml');
  const text = existsSync(manifest) ? readFileSync(manifest, 'utf8') : '';
  if (!/^name = "loomwork"$/m.test(text)) throw new UsageError(`${library} is not the folder of the crate loomwork`, '--crate');
  return relative(folder, library).replaceAll('\\', '/');
}

function copy(from: string, to: string, change: (file: string, text: string) => string, prefix = ''): void {
  mkdirSync(to, { recursive: true });
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const path = join(prefix, entry.name);
    // npm leaves files of that name out of packages.
    const name = entry.name === 'gitignore' ? '.gitignore' : entry.name;
    if (entry.isDirectory()) copy(join(from, entry.name), join(to, name), change, path);
    else writeFileSync(join(to, name), change(path, readFileSync(join(from, entry.name), 'utf8')));
  }
}
