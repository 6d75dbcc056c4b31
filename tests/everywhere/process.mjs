// The cases in Node, Deno and Bun: run by each of them as a program of its own, with the backend and what is picked by itself as arguments.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import * as published from '../../pkg/node.js';
import * as faults from '../../target/faults/node.js';
import { childrenOf } from '../process/children.mjs';
import { runCases } from './cases.mjs';

const [backend, auto] = process.argv.slice(2);
// Linux tells the name of every thread of a process: a worker has its own, or Deno's, or (up to Node 22) that of all of Node's threads.
const WORKER = /^(loomwork |worker-\d|node\n)/;
/** Redis, when there is one, is the tests' own. */
const ours = new Set();
const alive = async () =>
  readdirSync('/proc/self/task').map(nameOf).filter((name) => WORKER.test(name)).length + childrenOf(process.pid).filter((pid) => !ours.has(pid)).length;

function nameOf(task) {
  try {
    return readFileSync(`/proc/self/task/${task}/comm`, 'utf8');
  } catch {
    return 'ended meanwhile';
  }
}

/** A queue has two sides: a Redis, and for each package a worker in a process of its own, are there before the cases. */
async function openQueue() {
  const { Redis } = await import('../queue/support.mjs');
  const ends = [];
  const redis = await Redis.start({ after: (end) => ends.push(end) });
  ours.add(redis.pid);
  const start = async (name) => {
    const worker = fork(fileURLToPath(new URL('queue-worker.mjs', import.meta.url)), [redis.url, name]);
    ours.add(worker.pid);
    await once(worker, 'message');
    ends.unshift(async () => {
      const exited = once(worker, 'exit');
      worker.disconnect();
      await exited;
    });
    return { queue: { redis: redis.url, name, lock: 2000 } };
  };
  const [options, publishedOptions] = [await start('faults'), await start('published')];
  const close = async () => {
    for (const end of ends) await end();
  };
  return { options, publishedOptions, close };
}

const { close, ...options } = backend === 'queue' ? await openQueue() : {};
await runCases({ backend, auto, faults, published, alive, ...options }, (line) => console.log(JSON.stringify(line)));
await close?.();
// Threads that a runtime does not end would keep it alive.
process.exit(0);
