// The parts of a build that need no compiler: types from schemas, and glue that is put into a package's files and replaced there.
import assert from 'node:assert/strict';
import { writeFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { loadCrate } from '../../www/build/load.mjs';
import { command, home, root } from './clean.mjs';

const { factsLine, glueRegion, kernelTypes, refill } = await loadCrate();

/** A kernel `k` with these params, as src/describe.rs would tell it. */
function types(params, $defs = {}) {
  return kernelTypes({ kernels: [{ name: 'group.k', about: 'Does it.', params: { $ref: '#/$defs/P' }, output: { type: 'null' }, part: { type: 'null' } }], $defs: { P: params, ...$defs } }, './generated.ts');
}

test('every shape that serde and schemars make has its type', () => {
  const text = types(
    {
      type: 'object',
      description: 'All of it.\nWith */ in it.',
      properties: {
        array: { tsType: 'Float32Array', type: 'array' },
        any: { tsType: 'TypedArray', type: 'array' },
        optional: { type: ['integer', 'null'], description: 'Maybe.' },
        choice: { $ref: '#/$defs/Choice' },
        either: { anyOf: [{ $ref: '#/$defs/Choice' }, { type: 'null' }] },
        list: { type: 'array', items: { type: ['string', 'null'] } },
        pair: { type: 'array', prefixItems: [{ type: 'number' }, { type: 'boolean' }] },
        map: { type: 'object', additionalProperties: { type: 'number' } },
        'odd-name': true,
        "it's": { enum: ["a'b", 2, null] },
      },
      required: ['array', 'choice'],
    },
    {
      Choice: { oneOf: [{ type: 'string', const: 'one' }, { type: 'object', properties: { two: { type: 'integer' } }, required: ['two'], additionalProperties: false }] },
      'Of_u8': { type: 'string', description: 'Text.' },
    },
  );
  const lines = [
    "import type { TypedArray } from './generated.ts';",
    "  'group.k': {\n    params: P;\n    output: null;\n    part: never;\n  };",
    '/**\n * All of it.\n * With *\\/ in it.\n */\nexport interface P {',
    '  array: Float32Array;\n  any?: TypedArray;\n  /** Maybe. */\n  optional?: number | null;\n  choice: Choice;\n  either?: Choice | null;\n  list?: (string | null)[];\n  pair?: [number, boolean];',
    '  map?: {\n    [key: string]: number;\n  };\n',
    "  'odd-name'?: unknown;\n  'it\\'s'?: 'a\\'b' | 2 | null;\n",
    "export type Choice = 'one' | {\n  two: number;\n};",
    '/** Text. */\nexport type Of_u8 = string;',
  ];
  for (const line of lines) assert.ok(text.includes(line), `${line}\n  in\n${text}`);
});

test('what is made compiles', async () => {
  const folder = join(home, 'types');
  mkdirSync(folder, { recursive: true });
  const choice = { oneOf: [{ const: 'a' }, { type: 'object', properties: { b: { type: 'array', items: { $ref: '#/$defs/Choice' } } }, required: ['b'] }] };
  writeFileSync(join(folder, 'kernels.ts'), types({ type: 'object', properties: { choice: { $ref: '#/$defs/Choice' }, 'q"u\'o\\te': { type: 'null' } } }, { Choice: choice }));
  await command(process.execPath, [join(root, 'www/node_modules/typescript/bin/tsc'), '--strict', '--noEmit', 'kernels.ts'], { cwd: folder });
});

test('types of types: a name that TypeScript cannot have is refused', () => {
  assert.throws(() => types({ type: 'object' }, { TypedArray: { type: 'object' } }), /a Rust type is named 'TypedArray'/);
});

test('glue becomes functions that give what the module exported', () => {
  const module = 'import * as import1 from "loomwork-clock"\n/** Adds. */\nexport function add(a, b) {\n    return a + b + import1.now();\n}\nlet wasm;\nfunction initSync() { return wasm; }\nasync function __wbg_init() { return wasm; }\nexport { initSync, __wbg_init as default };\n';
  const region = glueRegion({ threads: module, simd: module });
  const glue = new Function(`${region}\nreturn __loomworkGlue;`)();
  const { add, initSync, init } = glue.threads({ 'loomwork-clock': { now: () => 10 } });
  assert.equal(add(1, 2), 13);
  assert.equal(initSync(), undefined);
  assert.ok(init() instanceof Promise);
  assert.notEqual(glue.simd({}).add, add);
});

test('of the threads that trap, the glue lets only the first say that it did', () => {
  const module = `let wasm;
let __wbg_terminated_addr = 1;
const words = new Int32Array(2);
function getInt32ArrayMemory0() { return words; }
function __wbg_handle_catch(e) {
    getInt32ArrayMemory0()[__wbg_terminated_addr] = 1;
    throw e;
}
export function call() { try { throw new Error('unreachable') } catch (e) { __wbg_handle_catch(e) } }
function initSync() { return wasm; }
async function __wbg_init() { return wasm; }
export { initSync, __wbg_init as default };
`;
  const { call } = new Function(`${glueRegion({ threads: module })}\nreturn __loomworkGlue;`)().threads({});
  assert.throws(call, { message: 'unreachable' });
  assert.throws(call, ({ message, cause }) => message === 'Module terminated' && cause.message === 'unreachable');
  assert.throws(() => glueRegion({ threads: module.replace('] = 1;', '] = 2;') }), /notes a trap in another way/);
});

test('glue that imports or exports more is refused by the line that does', () => {
  assert.throws(() => glueRegion({ simd: "import { f } from './snippets/x/inline0.js';\n" }), /imports JavaScript \(import \{ f \} from/);
  assert.throws(() => glueRegion({ simd: 'export class Thing {\n}\n' }), /exports to JavaScript by wasm-bindgen \(export class Thing/);
});

test('a file is filled anew where it is marked, and is the same elsewhere', () => {
  const facts = (name) => ({ name, version: '1.2.3', artifacts: ['simd'], initialPages: 7 });
  const simd = (text) => glueRegion({ simd: `export function f() {\n    return '${text} $& $1';\n}\n` });
  const file = `${factsLine(facts('one'))}\nlet middle;\n${simd('one')}\n//# sourceMappingURL=x.map\n`;
  const other = refill(file, facts('two'), simd('two'));
  assert.equal(other, `${factsLine(facts('two'))}\nlet middle;\n${simd('two')}\n//# sourceMappingURL=x.map\n`);
  assert.equal(refill(other, facts('one'), simd('one')), file);
  assert.equal(refill('let nothing;\n', facts('two'), simd('two')), 'let nothing;\n');
});
