// `loomwork build`: makes the npm package of a crate of kernels.
import { Command } from 'commander';
import { buildCrate, withBuildOptions, type BuildOptions } from './crate.ts';
import { writeStdout } from './streams.ts';

const HELP = `
The package is all that a user of the kernels needs: the wasm artifacts
(threads, simd, baseline), the host, TypeScript types made from the Rust ones,
README.md, and KERNELS.md with every param. It depends on no other package.

Needs rustup with one pinned nightly (the error says the command, --install runs
it) and a C compiler for cargo's linker. The first build compiles wasm-bindgen
and Rust's standard library: some minutes. Later ones take seconds.

A feature of the crate that is named 'simd' or 'threads' is on in the artifacts
that have those.

Examples:
  loomwork build
  loomwork build --artifact threads      one artifact, for a quick try`;

export function buildCommand(): Command {
  return withBuildOptions(new Command('build'))
    .summary('build a crate of your own kernels as an npm package')
    .description('Builds the crate in this folder, or above it, as an npm package.')
    .option('--json', 'print what was built as JSON')
    .addHelpText('after', HELP)
    .action(build);
}

async function build({ json, ...options }: BuildOptions & { json?: boolean }): Promise<void> {
  const { crate, folder, sizes } = await buildCrate(options);
  if (json) return writeStdout(`${JSON.stringify({ name: crate.npm, version: crate.version, folder, artifacts: sizes })}\n`);
  const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(2)} MB`;
  await writeStdout(sizes.map(({ artifact, bytes, gzipped }) => `  ${artifact.padEnd(8)} ${megabytes(bytes)}, ${megabytes(gzipped)} gzipped\n`).join(''));
}
