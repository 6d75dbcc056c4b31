// TypeScript for scripts. What the command `loomwork build` is made of (www/crate) builds the built-in kernels too, as a user's are.
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

/** What is imported as text. */
export const TEXT = { '.css': 'text' };

function pinned(file, pattern) {
  const match = pattern.exec(readFileSync(join(root, file), 'utf8'));
  if (!match) throw new Error(`${file} has no line ${pattern}`);
  return JSON.stringify(match[1]);
}

export async function loadCrate() {
  return (await loadSource('www/crate/main.ts', 'crate.mjs')).module;
}

/** Bundles TypeScript into target/build and imports it. */
export async function loadSource(entry, name) {
  const outfile = join(root, 'target/build', name);
  mkdirSync(dirname(outfile), { recursive: true });
  await build({ entryPoints: [join(root, entry)], outfile, bundle: true, format: 'esm', platform: 'node', target: 'node20', define: pins, loader: TEXT, logLevel: 'warning' });
  const url = pathToFileURL(outfile).href;
  return { url, module: await import(url) };
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
