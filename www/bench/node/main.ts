// All that tests/bench and its workers take from www/bench: bundled by www/build/load.mjs, as scripts import no TypeScript.
export * from '../cases.ts';
export * from '../check.ts';
export * from '../dispatch.ts';
export { timed } from '../kernels.ts';
export * from '../measure.ts';
export * from '../plain.ts';
export * from '../report.ts';
export * from '../rows.ts';
export * from '../summary.ts';
export * from '../table.ts';
export * from './machine.ts';
export * from './raw.ts';
