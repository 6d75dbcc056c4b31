// The cases in Node, Deno and Bun: run by each of them as a program of its own, with the backend and what is picked by itself as arguments.
import { readdirSync, readFileSync } from 'node:fs';
import { createHost, LoomworkError } from '../../target/faults/node.js';
import { runCases } from './cases.mjs';

const [backend, auto] = process.argv.slice(2);
// Linux tells the name of every thread of a process: a worker has its own, or Deno's, or (up to Node 22) that of all of Node's threads.
const WORKER = /^(loomwork |worker-\d|node\n)/;
const alive = async () => readdirSync('/proc/self/task').map(nameOf).filter((name) => WORKER.test(name)).length;

function nameOf(task) {
  try {
    return readFileSync(`/proc/self/task/${task}/comm`, 'utf8');
  } catch {
    return 'ended meanwhile';
  }
}

await runCases({ backend, auto, createHost, LoomworkError, alive }, (line) => console.log(JSON.stringify(line)));
// Threads that a runtime does not end would keep it alive.
process.exit(0);
