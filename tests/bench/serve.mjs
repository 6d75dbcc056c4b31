// Requests a second, on the loopback: `loomwork serve` against the same kernels behind piscina and the same framework, and against sharp behind it;
// with the same number of processes and threads each, all in turn on the same machine. (A process of ours with one thread opens a second lane for jobs that
// would wait behind a long one: where other programs want the cores too, that is an advantage.)
import { availableParallelism } from 'node:os';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { createHost } from '../../pkg/node.js';
import { photo, Server } from '../serve/server.mjs';
import { load } from './peers/load.mjs';

const { default: autocannon } = await load('autocannon');

/** Requests under way. */
const CONNECTIONS = 16;
/** Each sample is taken for about so long. */
const SAMPLE_S = 6;
const WARM_UP_S = 4;
/** The picture that is sent: enlarged until its file has a megabyte. */
const PICTURE = { width: 2000, height: 1744, quality: 91 };
/** The picture that is asked for. */
const SMALL = { width: 500, height: 436 };
/** The mean difference of samples from ours that another decoder, which shrinks while it decodes, may have. */
const NEAR = 2;

const KINDS = { loomwork: 'ours', piscina: 'portable', sharp: 'addon' };

export async function measureServe({ runs, only, log }) {
  const cores = availableParallelism();
  const host = await createHost({ threads: cores });
  const rows = [];
  try {
    const cases = await casesFor(host);
    // As many threads in all, in one process or one in each.
    for (const [processes, threads] of cores > 1 ? [[cores, 1], [1, cores]] : [[1, 1]]) {
      const shape = `${processes} ${processes === 1 ? 'process' : 'processes'} × ${threads} ${threads === 1 ? 'thread' : 'threads'}`;
      const chosen = cases.map((item) => ({ ...item, name: `${item.name}, ${shape}` })).filter(({ name }) => !only || only.some((text) => name.includes(text)));
      if (chosen.length > 0) rows.push(...(await measureShape(chosen, { processes, threads, runs, log })));
    }
  } finally {
    await host.close();
  }
  if (rows.length === 0) throw new Error(`no case matches ${only.join(', ')}`);
  return { runtime: `node ${process.version}`, rows };
}

/** Each case: what is sent, who answers it, and a check of an answer against that of the first. */
async function casesFor(host) {
  const whole = await host.run('image.decode', { data: photo });
  const { image } = await host.run('image.resize', { image: whole.image, width: PICTURE.width, height: PICTURE.height });
  const { data } = await host.run('image.encode', { image, format: 'jpeg', quality: PICTURE.quality });
  const megabytes = (data.length / 1e6).toFixed(2);
  const json = { 'content-type': 'application/json' };
  return [
    { name: 'noop', impls: ['loomwork', 'piscina'], request: { path: '/v1/jobs/noop', headers: json, body: '{}' }, check: sameJson },
    {
      name: `image.resize, ${megabytes} MB JPEG of ${PICTURE.width}×${PICTURE.height} to ${SMALL.width}×${SMALL.height}, JPEG`,
      impls: ['loomwork', 'piscina', 'sharp'],
      request: { path: `/v1/jobs/image.resize?width=${SMALL.width}&height=${SMALL.height}`, headers: { 'content-type': 'image/jpeg', accept: 'image/jpeg' }, body: Buffer.from(data) },
      check: (first, answer, impl) => samePicture(host, first, answer, impl),
    },
  ];
}

async function measureShape(cases, { processes, threads, runs, log }) {
  const servers = new Map();
  const samples = new Map(cases.flatMap(({ name, impls }) => impls.map((impl) => [`${name} ${impl}`, []])));
  try {
    for (const impl of new Set(cases.flatMap(({ impls }) => impls))) {
      log(`starting ${impl}, ${processes} × ${threads}`);
      servers.set(impl, await (impl === 'loomwork' ? startOurs : startPeer)(impl, processes, threads));
    }
    for (const { name, impls, request, check } of cases) {
      log(`  ${name}`);
      let first;
      for (const impl of impls) {
        const answer = await once200(servers.get(impl).url, request, impl);
        first ??= answer;
        await check(first, answer, impl);
        await shoot(servers.get(impl).url, request, WARM_UP_S, impl);
      }
      for (let round = 0; round < runs; round += 1) {
        for (const impl of impls) samples.get(`${name} ${impl}`).push(await shoot(servers.get(impl).url, request, SAMPLE_S, impl));
      }
      const silent = impls.find((impl) => Math.max(...samples.get(`${name} ${impl}`)) === 0);
      if (silent) throw new Error(`${silent} has answered nothing within ${SAMPLE_S} s: the machine has other things to do`);
    }
  } finally {
    for (const { close } of servers.values()) await close();
  }
  return cases.flatMap(({ name, impls }) =>
    impls.map((impl) => {
      const sorted = samples.get(`${name} ${impl}`).sort((a, b) => a - b);
      const [median, min, max] = [sorted[sorted.length >> 1], sorted[0], sorted.at(-1)].map((value) => Number(value.toFixed(1)));
      return { suite: 'serve', case: name, impl, kind: KINDS[impl], threads: processes * threads, unit: 'requests/s', median, min, max, runs };
    }),
  );
}

/** The command as a user starts it, but for its log. */
async function startOurs(_, processes, threads) {
  const ends = [];
  const server = await Server.start({ after: (end) => ends.push(end) }, ['--processes', String(processes), '--threads', String(threads), '--log', 'error']);
  return { url: server.url, close: () => Promise.all(ends.map((end) => end())) };
}

async function startPeer(impl, processes, threads) {
  const child = spawn(process.execPath, [fileURLToPath(new URL('./peers/fastify.mjs', import.meta.url)), impl, String(processes), String(threads)], { stdio: ['pipe', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  const [port] = await Promise.race([
    once(createInterface({ input: child.stdout }), 'line'),
    exited.then(([code]) => {
      throw new Error(`the ${impl} peer ended with code ${code} before it served`);
    }),
  ]);
  return {
    url: `http://127.0.0.1:${port}`,
    async close() {
      child.stdin.end();
      await exited;
    },
  };
}

/** One request, and its answer's bytes. */
async function once200(url, { path, headers, body }, impl) {
  const response = await fetch(url + path, { method: 'POST', headers, body });
  const bytes = Buffer.from(await response.arrayBuffer());
  if (response.status !== 200) throw new Error(`${impl} answered ${response.status}: ${bytes.toString().slice(0, 300)}`);
  return bytes;
}

/** Requests a second, over some seconds. Any failure spoils all. */
async function shoot(url, { path, headers, body }, seconds, impl) {
  const { requests, duration, errors, timeouts, non2xx } = await autocannon({ url: url + path, method: 'POST', headers, body, connections: CONNECTIONS, duration: seconds });
  if (errors + timeouts + non2xx > 0) throw new Error(`${impl}: ${errors} errors, ${timeouts} timeouts, ${non2xx} answers that are not 200`);
  return requests.total / duration;
}

function sameJson(first, answer, impl) {
  if (JSON.stringify(JSON.parse(answer)) !== JSON.stringify(JSON.parse(first))) throw new Error(`${impl} answered ${answer}, loomwork ${first}`);
}

/** The same kernels give the same file; another library a picture that is nearly the same. */
async function samePicture(host, first, answer, impl) {
  const [ours, theirs] = await Promise.all([first, answer].map(async (data) => (await host.run('image.decode', { data })).image));
  if (theirs.width !== SMALL.width || theirs.height !== SMALL.height) throw new Error(`${impl} made a picture of ${theirs.width}×${theirs.height}`);
  const sum = theirs.data.reduce((total, sample, index) => total + Math.abs(sample - ours.data[index]), 0);
  const mean = sum / theirs.data.length;
  if (KINDS[impl] === 'addon' ? mean > NEAR : !answer.equals(first)) throw new Error(`${impl} made another picture than loomwork: samples differ by ${mean.toFixed(2)} on average`);
}

/** A report as text: each implementation beside ours. */
export function serveTable({ machine, runtime, rows }) {
  const lines = [`${machine.cpu}, ${machine.cores} cores, ${machine.memoryGB} GB, ${machine.os}; ${runtime}; ${CONNECTIONS} connections, the client on the same cores`, ''];
  for (const name of new Set(rows.map((row) => row.case))) {
    const mine = rows.filter((row) => row.case === name);
    const ours = mine.find(({ kind }) => kind === 'ours');
    lines.push(`${name}, ${ours.unit}`);
    for (const { impl, median, min, max } of mine) {
      const spread = `${median.toFixed(1)} (${min.toFixed(1)}–${max.toFixed(1)})`;
      lines.push(`  ${impl.padEnd(12)}${spread.padStart(32)}${impl === 'loomwork' ? '' : `   loomwork ×${(ours.median / median).toFixed(2)}`}`);
    }
    lines.push('');
  }
  return lines.join('\n');
}
