// The `kernels` suite: each case at 1, 2, … all threads, wasm in Node (and in Chromium) against the same kernels compiled natively and against peers.
// Within a round every implementation and number of threads takes its turn, so that a slow spell of the machine hits all of them.
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { setImmediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { createHost } from '../../pkg/node.js';
import { Chromium } from './chromium.mjs';
import { digest } from './digest.mjs';
import { Native } from './native.mjs';
import { closePeers, peersOf } from './peers/kernels/index.mjs';
import { shared } from './shared.mjs';

const { cases, checkPeer, IN_PLACE, INLINE, measureInTurn, OURS, threadCounts, timed } = shared;
const photo = readFileSync(new URL('../data/hubble_deep_field.jpg', import.meta.url));

/**
 * A case that fails, or whose answers differ, costs its own rows only: it stands in `failed`.
 *
 * @param {{ runs: number, only?: string[], size: string, browser: boolean, native: boolean, nativeCpu: boolean, peers: boolean,
 *   onRows?: (report: object) => void, log: (line: string) => void }} options `onRows` gets what there is after each case
 */
export async function measureKernels({ runs, only, size, browser, native: natively, nativeCpu, peers, onRows, log }) {
  const threads = threadCounts(availableParallelism());
  const all = cases(size);
  const chosen = all.filter(({ name }) => !only || only.some((text) => name.includes(text)));
  if (chosen.length === 0) throw new Error(`no case matches ${only.join(', ')}: ${all.map(({ name }) => name).join('; ')}`);
  const [rows, left, failed, natives, hosts] = [[], [], [], {}, new Map()];
  let chromium;
  let inline;
  const report = () => ({ runtime: `node ${process.version}${chromium ? `, chromium ${chromium.version}` : ''}`, rows, left, failed });
  try {
    if (natively) natives.native = new Native('baseline', { log });
    if (nativeCpu) natives['native-cpu'] = new Native('cpu', { log });
    for (const count of threads) hosts.set(count, await createHost({ threads: count }));
    inline = await createHost({ backend: 'inline' });
    if (browser && chosen.some((item) => item.chromium)) chromium = await Chromium.start(threads);
    for (const item of chosen) {
      try {
        rows.push(...(await measureCase(item, { runs, threads, hosts, inline, natives, peers, chromium, left, log })));
        log(`  ${item.name}`);
      } catch (error) {
        failed.push(`${item.name}: ${firstLine(error)}`);
        log(`  FAILED: ${failed.at(-1)}`);
      }
      onRows?.(report());
    }
    return report();
  } finally {
    for (const runner of Object.values(natives)) runner.close();
    await Promise.all([chromium?.close(), closePeers(), inline?.close(), ...Array.from(hosts.values(), (host) => host.close())]);
  }
}

async function measureCase({ name, kernel, chromium: alsoChromium, ...item }, { runs, threads, hosts, inline, natives, peers, chromium, left, log }) {
  const host = hosts.get(threads.at(-1));
  const made = item.input(photo);
  const params = item.prepare ? await item.prepare(made, (of, given) => host.run(of, given)) : made;
  for (const runner of Object.values(natives)) runner.setCase(kernel, params);
  const ours = (count) => timed(() => hosts.get(count).run(kernel, params));
  await collected();
  const inPlace = threads.map((count) => new InPlace(hosts.get(count), kernel, params));
  const inNode = threads.flatMap((count, index) => [
    { impl: OURS, kind: 'ours', threads: count, run: () => ours(count) },
    { impl: IN_PLACE, kind: 'ours', threads: count, run: () => inPlace[index].run() },
    ...Object.entries(natives).map(([impl, runner]) => ({ impl, kind: 'native', threads: count, run: () => runner.run(count) })),
  ]);
  inNode.push({ impl: INLINE, kind: 'ours', threads: 1, run: () => timed(() => inline.run(kernel, params)) });
  const leaveOut = (impl, error) => {
    left.push(`${name}: ${impl}: ${firstLine(error)}`);
    log(`  left out: ${left.at(-1)}`);
  };
  let output;
  const rivals = peers ? await peersOf(kernel, params, leaveOut) : [];
  const entries = rivals.map((peer) => ({
    ...peer,
    optional: true,
    run: () => timed(peer.run),
    verify: async (answer) => checkPeer(kernel, (output ??= await host.run(kernel, params)), answer.output, params, (of, given) => host.run(of, given)),
  }));
  const told = { name, runs, before: collected, onFailed: ({ impl }, error) => leaveOut(impl, error) };
  try {
    const rows = await measureInTurn([...sameAnswers(name, inNode), ...entries], told);
    if (!chromium || !alsoChromium) return rows;
    const inPage = threads.flatMap((count) => [
      { impl: OURS, kind: 'ours', threads: count, run: () => chromium.run(count, kernel, params) },
      ...(natives.native ? [{ impl: 'native', kind: 'native', threads: count, run: () => natives.native.run(count) }] : []),
    ]);
    return [...rows, ...(await measureInTurn(sameAnswers(name, inPage), { ...told, name: `${name}, in Chromium` }))];
  } finally {
    for (const runner of inPlace) runner.end();
  }
}

/** A kernel on params whose arrays lie in its host's memory, and whose output is read there until the next run. */
class InPlace {
  #host;
  #kernel;
  #params;
  #job;

  constructor(host, kernel, params) {
    this.#host = host;
    this.#kernel = kernel;
    this.#params = placed(host, params);
  }

  run() {
    this.end();
    this.#job = this.#host.run(this.#kernel, this.#params, { output: 'shared' });
    return timed(() => this.#job);
  }

  end() {
    this.#job?.release();
    this.#job = undefined;
  }
}

function placed(host, value) {
  if (ArrayBuffer.isView(value)) {
    const array = host.alloc(globalThis[value[Symbol.toStringTag]], value.length);
    array.set(value);
    return array;
  }
  if (Array.isArray(value)) return value.map((item) => placed(host, item));
  return typeof value === 'object' && value !== null ? Object.fromEntries(Object.entries(value).map(([key, item]) => [key, placed(host, item)])) : value;
}

setFlagsFromString('--expose-gc');
const gc = runInNewContext('gc');

/** The hosts' memory for arrays that are dead is free again, and nobody pays for the garbage of whoever came before. */
async function collected() {
  gc();
  await setImmediate();
}

/** Ours and the native ones give the same bytes on any number of threads. */
function sameAnswers(name, entries) {
  let expected;
  return entries.map((entry) => ({
    ...entry,
    verify({ sha256, output }) {
      const answer = sha256 ?? digest(output);
      expected ??= answer;
      if (answer !== expected) throw new Error(`${name}: ${entry.impl} on ${entry.threads} threads gave another answer than ${entries[0].impl} on ${entries[0].threads}`);
    },
  }));
}

function firstLine(error) {
  return String(error?.message ?? error).split('\n')[0].slice(0, 200);
}
