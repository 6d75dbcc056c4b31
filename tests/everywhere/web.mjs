// The cases in a browser, whatever the caller is: a page, or a worker of any kind.
import { runCases } from './cases.mjs';

/** A worker holds a lock of its name for as long as it lives. */
const alive = async () => (await navigator.locks.query()).held.filter(({ name }) => name.startsWith('loomwork ')).length;

/** @param {Pick<import('./cases.mjs').Place, 'faults' | 'published'>} packages */
export function runHere(packages, { backend, auto }, report) {
  return runCases({ backend, auto, ...packages, alive }, report);
}

/** Answers whoever asks at the other end of a port: a line for each case, and a null after the last. */
export async function answer(packages, port, asked) {
  await runHere(packages, asked, (line) => port.postMessage(line));
  port.postMessage(null);
}
