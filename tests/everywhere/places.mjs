// Every place where the cases run: which runtime, who calls, which backend, and which one is picked there by itself.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** @typedef {{ caller: string, backend: string, auto: string, plain?: boolean }} Row plain: a page without the isolation headers */

const modules = fileURLToPath(new URL('./node_modules/', import.meta.url));
const linux = `linux-${process.arch}`;

/** The first of some places of a binary: its package puts it into one or the other, depending on whether its install script ran. */
function binary(what, ...places) {
  const found = places.map((place) => `${modules}${place}`).find((path) => existsSync(path));
  if (!found) throw new Error(`${what} is missing (looked in ${places.join(', ')} of tests/everywhere/node_modules): run ./build.sh setup test`);
  return found;
}

const node = (major) => [binary(`Node ${major}`, `node-${major}/bin/node`)];
const cases = fileURLToPath(new URL('./process.mjs', import.meta.url));
const isolate = fileURLToPath(new URL('./workerd.mjs', import.meta.url));
const all = ['threads', 'workers', 'inline', 'process', 'queue'].map((backend) => ({ caller: 'process', backend, auto: 'threads' }));

/** Runtimes that are programs: each row is a process. */
export const programs = [
  { runtime: 'Node 20', command: [process.execPath, cases], rows: all },
  { runtime: 'Node 22', command: [...node(22), cases], rows: all },
  { runtime: 'Node 24', command: [...node(24), cases], rows: all },
  { runtime: 'Node 26', command: [...node(26), cases], rows: all },
  { runtime: 'Deno 2', command: [binary('Deno', `@deno/${linux}-glibc/deno`), 'run', '--allow-all', cases], rows: all },
  { runtime: 'Bun 1', command: [binary('Bun', `@oven/bun-${linux}/bin/bun`, 'bun/bin/bun.exe'), cases], rows: all },
  // Miniflare needs a newer Node than the oldest that the package supports.
  { runtime: 'workerd', command: [...node(22), isolate], rows: [{ caller: 'request', backend: 'inline', auto: 'inline' }] },
];

const page = (backend, auto, more) => ({ caller: 'page', backend, auto, ...more });
const fromWorker = (kind, backend) => ({ caller: `${kind} worker`, backend, auto: backend });
const isolated = (inSharedWorkers) => [
  page('threads', 'threads'), page('inline', 'threads'),
  fromWorker('dedicated', 'threads'), fromWorker('shared', inSharedWorkers), fromWorker('service', 'inline'),
];
const withoutHeaders = page('workers', 'workers', { plain: true });

/** Browsers. */
export const browsers = [
  { runtime: 'Chromium', name: 'chromium', options: {}, rows: [...isolated('inline'), withoutHeaders] },
  { runtime: 'Firefox', name: 'firefox', options: {}, rows: [...isolated('workers'), withoutHeaders] },
  { runtime: 'WebKit', name: 'webkit', options: { shared: true }, rows: isolated('inline') },
  // As Debian's WebKitGTK is without a word: isolated, and yet without SharedArrayBuffer.
  { runtime: 'WebKit', name: 'webkit', options: { shared: false }, rows: [page('workers', 'workers')] },
];
