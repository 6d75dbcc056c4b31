// What a runtime cannot do, and whose fault it is: the reasons behind the table's letters. A cell that fails needs one of these, and one of
// these that always holds needs a cell that fails, so that none outlives its reason.

/**
 * @typedef {{ runtime: RegExp, backend?: RegExp, features: string[], text: RegExp, always: boolean, reason: string, issue: string }} Limit
 *   text: how such a cell fails; always: it never passes
 */

const FREED = ['gone after traps', 'gone after grace'];
const LEFT = /^[1-9]\d* alive, \d+ before$/;

/** @type {Limit[]} */
export const limits = [
  {
    runtime: /^Deno/,
    backend: /threads|workers/,
    features: ['close', ...FREED],
    text: LEFT,
    // A race, won now and then.
    always: false,
    reason: 'Deno keeps some of the threads, and the memory, of workers that were terminated',
    issue: 'https://github.com/denoland/deno/issues/26058',
  },
  {
    runtime: /^(Bun|WebKit)/,
    backend: /threads|workers/,
    features: ['gone after grace'],
    text: LEFT,
    always: true,
    reason: 'JavaScriptCore does not end a worker inside of wasm that calls no JavaScript: a kernel that never checks runs on',
    issue: 'https://github.com/oven-sh/bun/pull/36356',
  },
  {
    runtime: /^WebKit/,
    backend: /threads/,
    features: ['grace'],
    text: /no answer within/,
    // Where enough cores are left to start the next instance in time, it does.
    always: false,
    reason: 'the kernel that JavaScriptCore does not end holds the cores that the next instance needs to start',
    issue: 'https://github.com/oven-sh/bun/pull/36356',
  },
];

/** The limit that speaks of a cell, if one does. */
export function limitOf({ runtime, backend }, feature) {
  return limits.find((limit) => limit.runtime.test(runtime) && (limit.backend?.test(backend) ?? true) && limit.features.includes(feature));
}
