// What is in a crate of kernels, as Rust tells it (src/describe.rs): the crate is compiled to wasm, quickly, with the feature `describe`, and
// asked. So a crate needs no program, test or file of its own for that.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Schema } from '../formats/catalogue.ts';
import { COMPILE, featuresOf, type Crate } from './crate.ts';
import { BuildError } from './errors.ts';
import { runTool, type Watch } from './tools.ts';

/** What src/describe.rs prints. */
export interface Description {
  version: string;
  kernels: { name: string; about: string; params: Schema; output: Schema; part: Schema }[];
  $defs: Record<string, Schema>;
  errorCodes: { code: string; doc: string }[];
  dtypes: { name: string; js: string; size: number }[];
  control: Words & { slots: number; stride: number; payloadBytes: number; cancelRequested: number; prepared: number; turns: Record<string, number>; outcomes: string[] };
  ring: Words & { capacity: number };
  bell: Words;
  dispatch: Words;
  lane: Words & { most: number; stride: number; states: Record<string, number> };
  diary: Words & { capacity: number; stride: number; span: Record<string, number> };
}

interface Words {
  fields: Record<string, number>;
}

interface Exports {
  memory: WebAssembly.Memory;
  __loomwork_describe?: () => number;
}

/**
 * Describes a crate.
 *
 * @throws BuildError with what the compiler said
 */
export async function describe(crate: Crate, cargoDir: string, watch?: Watch): Promise<Description> {
  const args = [...COMPILE, '--package', crate.id, ...featuresOf(crate, ['describe'])];
  const env = { CARGO_TARGET_DIR: cargoDir, CARGO_ENCODED_RUSTFLAGS: '', CARGO_PROFILE_DEV_DEBUG: '0', CARGO_PROFILE_DEV_OPT_LEVEL: '0' };
  const unlisted = () => new BuildError(`the library of '${crate.name}' lists no kernels: write loomwork::kernels![…] in src/lib.rs`);
  try {
    await runTool('cargo', args, { cwd: crate.dir, env, watch });
  } catch (error) {
    // The linker's words for it, which help nobody.
    throw error instanceof BuildError && /undefined symbol: __loomwork_kernels/.test(error.details) ? unlisted() : error;
  }
  const bytes = readFileSync(join(cargoDir, 'wasm32-unknown-unknown/debug', `${crate.lib}.wasm`));
  const module = new WebAssembly.Module(bytes);
  // It is asked for nothing that needs JavaScript: whatever it would import is never called.
  const imports: Record<string, Record<string, () => void>> = {};
  if (WebAssembly.Module.imports(module).some(({ name }) => name === '__loomwork_kernels')) throw unlisted();
  for (const { module: from, name } of WebAssembly.Module.imports(module)) (imports[from] ??= {})[name] = () => {};
  const { memory, __loomwork_describe: ask } = new WebAssembly.Instance(module, imports).exports as unknown as Exports;
  if (!ask) throw unlisted();
  const start = ask();
  const length = new DataView(memory.buffer).getUint32(start, true);
  return JSON.parse(new TextDecoder().decode(new Uint8Array(memory.buffer, start + 4, length))) as Description;
}
