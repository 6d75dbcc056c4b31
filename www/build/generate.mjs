// Generates what TypeScript must know of the Rust side, so that nothing is typed twice:
//
//   www/host/shared/generated.ts    kernel types, error codes, element kinds, control-block offsets (kept in git)
//   target/wasm/kernels.json        the kernels with their JSON Schemas, for the command line and for listings
//
//   node www/build/generate.mjs [--check]     --check: write nothing, fail when generated.ts is out of date
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compile } from 'json-schema-to-typescript';

const root = join(dirname(fileURLToPath(import.meta.url)), '../..');
const output = join(root, 'www/host/shared/generated.ts');
const description = execFileSync('cargo', ['run', '--quiet', '--bin', 'describe'], { cwd: root, maxBuffer: 1 << 26 });
const { version, kernels, $defs, errorCodes, dtypes, control, ring, bell, dispatch, lane, diary } = JSON.parse(description);

const generated = `// Generated from the Rust types by www/build/generate.mjs. Do not edit.

/** Version of the crate and of the npm package. */
export const VERSION = ${JSON.stringify(version)};

/** Kinds of typed array; an array's kind crosses the boundary as its place here. */
export const DTYPES = [
${dtypes.map(({ name, js, size }) => `  { name: '${name}', js: '${js}', size: ${size} },`).join('\n')}
] as const;

/** \`Float16Array\` where the platform has it. */
type Float16 = typeof globalThis extends { Float16Array: { prototype: infer A } } ? A : never;

/** Any typed array of numbers. */
export type TypedArray = ${dtypes.map(({ js }) => (js === 'Float16Array' ? 'Float16' : js)).join(' | ')};

/** The control-block table in shared memory (src/control.rs): sizes and offsets in bytes. */
export const CONTROL = ${literal({ slots: control.slots, stride: control.stride, payloadBytes: control.payloadBytes, cancelRequested: control.cancelRequested, prepared: control.prepared, ...control.fields })} as const;

/** Whose turn it is at a control block. */
export const TURNS = ${literal(control.turns)} as const;

/** How a job can end, by the number in its control block. */
export const OUTCOMES = ${literal(control.outcomes)} as const;

/** A ring (src/ring.rs): numbers that it holds, and offsets in bytes. */
export const RING = ${literal({ capacity: ring.capacity, ...ring.fields })} as const;

/** A bell (src/bell.rs): offsets in bytes. */
export const BELL = ${literal(bell.fields)} as const;

/** The rings, bells and lanes of an instance (src/dispatch.rs): offsets in bytes. */
export const DISPATCH = ${literal(dispatch.fields)} as const;

/** A lane's words: sizes and offsets in bytes. */
export const LANE = ${literal({ most: lane.most, stride: lane.stride, ...lane.fields })} as const;

/** What a lane is doing. */
export const LANE_STATES = ${literal(lane.states)} as const;

/** The diary of busy threads (src/busy.rs): spans that it holds, sizes and offsets in bytes. */
export const DIARY = ${literal({ capacity: diary.capacity, stride: diary.stride, ...diary.fields })} as const;

/** A span in the diary: offsets in bytes. */
export const SPAN = ${literal(diary.span)} as const;

/** Every error code, with its meaning. */
export const ERROR_CODES = {
${errorCodes.map(({ code, doc }) => `  /** ${doc} */\n  ${code}: ${JSON.stringify(doc)},`).join('\n')}
} as const;

/** The stable code of a failure. */
export type ErrorCode = keyof typeof ERROR_CODES;

${await kernelTypes()}`;

if (process.argv.includes('--check')) {
  if (!existsSync(output) || readFileSync(output, 'utf8') !== generated) {
    console.error('www/host/shared/generated.ts is out of date: run ./build.sh build and commit it');
    process.exit(1);
  }
} else {
  writeChanged(output, generated);
  writeChanged(join(root, 'target/wasm/kernels.json'), description);
}

function literal(value) {
  return JSON.stringify(value, undefined, 2).replaceAll('"', "'").replace(/'(\w+)':/g, '$1:').replace(/([^\[{,])\n/g, '$1,\n');
}

/** The map from a kernel's name to its types, and the types that it names. */
async function kernelTypes() {
  const entry = ({ about, params, output, part }) => ({
    type: 'object',
    description: about,
    properties: { params, output, part: part.type === 'null' ? { tsType: 'never' } : part },
    required: ['params', 'output', 'part'],
  });
  const schema = {
    title: 'KernelMap',
    description: 'The built-in kernels: what each takes, gives and streams.',
    type: 'object',
    properties: Object.fromEntries(kernels.map((kernel) => [kernel.name, entry(kernel)])),
    required: kernels.map(({ name }) => name),
    $defs,
  };
  return compile(schema, 'KernelMap', { bannerComment: '', additionalProperties: false, format: true, style: { singleQuote: true, printWidth: 120 } });
}

function writeChanged(path, text) {
  if (existsSync(path) && readFileSync(path).equals(Buffer.from(text))) return;
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}
