// Generates what TypeScript must know of the Rust side, so that nothing is typed twice:
//
//   www/host/shared/generated.ts    error codes, element kinds, control-block offsets (kept in git)
//   www/host/shared/kernels.ts      the built-in kernels' types (kept in git)
//   target/wasm/kernels.json        the kernels with their JSON Schemas, for the command line and for listings
//
//   node www/build/generate.mjs [--check]     --check: write nothing, fail when what is kept in git is out of date
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { loadCrate, main, root } from './load.mjs';

await main(async () => {
  const { describe, findCrate, kernelTypes } = await loadCrate();
  const crate = await findCrate(root);
  const description = await describe(crate, join(crate.target, 'describe'));
  const kept = {
    'www/host/shared/generated.ts': layout(description),
    'www/host/shared/kernels.ts': kernelTypes(description, './generated.ts'),
  };
  if (process.argv.includes('--check')) {
    for (const [path, text] of Object.entries(kept)) {
      if (existsSync(join(root, path)) && readFileSync(join(root, path), 'utf8') === text) continue;
      console.error(`${path} is out of date: run ./build.sh build and commit it`);
      process.exitCode = 1;
    }
    return;
  }
  for (const [path, text] of Object.entries(kept)) writeChanged(join(root, path), text);
  writeChanged(join(root, 'target/wasm/kernels.json'), JSON.stringify(description, null, 2));
});

function layout({ errorCodes, dtypes, control, ring, place, bell, dispatch, lane, diary }) {
  return `// Generated from the Rust types by www/build/generate.mjs. Do not edit.

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

/** Where an array lies, as words in a control block (src/place.rs): what of a kind is its rank, and offsets in bytes. */
export const PLACE = ${literal({ rank: place.rank, ...place.fields })} as const;

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
`;
}

function literal(value) {
  return JSON.stringify(value, undefined, 2).replaceAll('"', "'").replace(/'(\w+)':/g, '$1:').replace(/([^\[{,])\n/g, '$1,\n');
}

function writeChanged(path, text) {
  if (existsSync(path) && readFileSync(path).equals(Buffer.from(text))) return;
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}
