// The processes of Linux, as the tests see them.
import { readdirSync, readFileSync } from 'node:fs';

/** The state and the parent of a process, or undefined when there is none of that number. */
export function processAt(pid) {
  try {
    const [, state, parent] = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /, ') ').split(' ');
    return { state, parent: Number(parent) };
  } catch {
    return undefined;
  }
}

/** Numbers of the processes that a process has started and that are there, also as zombies. */
export function childrenOf(parent) {
  return readdirSync('/proc').map(Number).filter((pid) => pid > 0 && processAt(pid)?.parent === parent);
}
