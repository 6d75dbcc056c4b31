// What the cases expect, without the test library of any runtime.

/** A feature that a backend does not have by its nature, and says why. */
export class Absent extends Error {}

export function absent(reason) {
  throw new Absent(reason);
}

export function ok(condition, what) {
  if (!condition) throw new Error(what);
}

export function equal(got, expected, what) {
  if (!Object.is(got, expected)) throw new Error(`${what}: expected ${show(expected)}, got ${show(got)}`);
}

/** Typed arrays or lists with the same items. */
export function same(got, expected, what) {
  equal(got?.length, expected.length, `${what}, length`);
  for (let index = 0; index < expected.length; index += 1) equal(got[index], expected[index], `${what}, item ${index}`);
}

/** That a promise is rejected, with an error of that code or name; returns the error. */
export async function fails(promise, expected, what) {
  const error = await promise.then(
    (value) => {
      throw new Error(`${what}: expected ${expected}, got ${show(value)}`);
    },
    (reason) => reason,
  );
  const got = error?.code !== undefined && error.name === 'LoomworkError' ? error.code : error?.name;
  if (got !== expected) throw new Error(`${what}: expected ${expected}, got ${got}: ${error?.message ?? error}`, { cause: error });
  return error;
}

/** Waits until something holds, for at most so long; tells whether it does. */
export async function until(holds, milliseconds) {
  for (const end = Date.now() + milliseconds; ; await pause(5)) {
    if (await holds()) return true;
    if (Date.now() > end) return false;
  }
}

export const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

function show(value) {
  if (typeof value === 'bigint') return `${value}n`;
  return Object.is(value, -0) ? '-0' : (JSON.stringify(value) ?? String(value));
}
