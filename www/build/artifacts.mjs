// Compiles the crate to its three wasm artifacts, each with its wasm-bindgen glue, under target/wasm/NAME/ (how: www/crate/artifacts.ts).
//
//   node www/build/artifacts.mjs [--faults] [NAME…]      NAME: threads, simd, baseline (default: all)
//
// --faults adds the kernel that fails in every way, for the tests, and writes to target/wasm-faults/ instead.
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { loadCrate, main, root } from './load.mjs';

await main(async () => {
  const { ARTIFACTS, buildArtifact, findCrate } = await loadCrate();
  const faults = process.argv.includes('--faults');
  const asked = process.argv.slice(2).filter((argument) => argument !== '--faults');
  for (const name of asked) {
    if (ARTIFACTS.includes(name)) continue;
    console.error(`no artifact is named '${name}': ${ARTIFACTS.join(', ')}`);
    process.exit(2);
  }
  const crate = await findCrate(root);
  const build = async (name) => {
    const { wasm } = await buildArtifact(crate, name, {
      features: faults ? ['faults'] : [],
      // The tests want the names of functions in a trap's stack.
      names: faults,
      quick: faults,
      bindgen: join(root, 'target/tools/bin/wasm-bindgen'),
      cargoDir: join(crate.target, faults ? 'cargo-faults' : 'cargo'),
      outDir: join(root, faults ? 'target/wasm-faults' : 'target/wasm'),
    });
    const megabytes = (bytes) => `${(bytes / 1e6).toFixed(2)} MB`;
    return `  ${name.padEnd(8)} ${megabytes(statSync(wasm).size)}, ${megabytes(gzipSync(readFileSync(wasm)).length)} gzipped`;
  };
  // Side by side: for most of its time each keeps one core busy, with the optimisation of the whole at its end.
  const lines = await Promise.all((asked.length > 0 ? asked : ARTIFACTS).map(build));
  console.log(lines.join('\n'));
});
