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
  place: Words & { rank: number };
  bell: Words;
  dispatch: Words;
  lane: Words & { most: number; stride: number; states: Record<string, number> };
  diary: Words & { capacity: number; stride: number; span: Record<string, number> };
}

interface Words {
  fields: Record<string, number>;
}

/** What to say besides when a type lacks a trait that a kernel needs: the compiler names the trait, not all that go with it. */
const DERIVES = [
  { bound: /required by a bound in `(\w+::)*Kernel::Params`/, hint: 'the params of a kernel need #[derive(Deserialize, JsonSchema)], and so does each type of their fields' },
  { bound: /required by a bound in `(\w+::)*Kernel::(Output|Part)`/, hint: 'the output and the parts of a kernel need #[derive(Serialize, JsonSchema)], and so does each type of their fields' },
  { bound: /required by a bound in `(\w+::)*(Shardable|Sharding::\w+)`/, hint: 'a kernel that can shard needs Serialize on its params and Deserialize on its output too, since shards travel' },
];

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
    if (!(error instanceof BuildError)) throw error;
    // The linker's words for it help nobody.
    if (/undefined symbol: __loomwork_kernels/.test(error.details)) throw unlisted();
    const hint = DERIVES.find(({ bound }) => bound.test(error.details))?.hint;
    throw hint === undefined ? error : new BuildError(`${error.message}: ${hint}`, error.details, { cause: error });
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
