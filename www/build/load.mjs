// What the command `loomwork build` is made of (www/crate), for the scripts beside this one: the built-in kernels are built as a user's are.
import { mkdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

export const root = join(dirname(fileURLToPath(import.meta.url)), '../..');

/** The pinned versions, each from the one place where it stands. */
export const pins = {
  __CHANNEL__: pinned('rust-toolchain.toml', /^channel = "(.*)"$/m),
  __WASM_BINDGEN__: pinned('Cargo.toml', /^wasm-bindgen = "=(.*)"$/m),
  __LOOMWORK__: pinned('Cargo.toml', /^version = "(.*)"$/m),
};

function pinned(file, pattern) {
  const match = pattern.exec(readFileSync(join(root, file), 'utf8'));
  if (!match) throw new Error(`${file} has no line ${pattern}`);
  return JSON.stringify(match[1]);
}

export async function loadCrate() {
  const outfile = join(root, 'target/build/crate.mjs');
  mkdirSync(dirname(outfile), { recursive: true });
  await build({ entryPoints: [join(root, 'www/crate/main.ts')], outfile, bundle: true, format: 'esm', platform: 'node', target: 'node20', define: pins, logLevel: 'warning' });
  return import(pathToFileURL(outfile).href);
}

/** Runs a script; what the compiler said goes before the one sentence of a build that failed. */
export async function main(script) {
  try {
    await script();
  } catch (error) {
    if (error.details) console.error(error.details);
    console.error(error.name === 'Error' && 'details' in error ? error.message : error);
    process.exit(1);
  }
}
