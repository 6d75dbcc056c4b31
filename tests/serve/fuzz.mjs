// ./build.sh fuzz serve: random requests, made of what /openapi.json says: right ones, and ones that are wrong in every way. Each must get an answer
// whose status and code belong together; no 500 without a code; no process is lost; memory stays.
//
//   node tests/serve/fuzz.mjs [--requests N] [--seed N] [--json]
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { randomBy } from '../chaos/chaos.mjs';
import { Client } from './client.mjs';
import { photo, Server } from './server.mjs';

const AT_ONCE = 16;
/** Of memory, from when all is warm. Kept answers and the heap's slack are a part of it; what leaks goes on growing. */
const MOST_GROWTH = 1.5;
/** In fewer requests than these, memory still warms up. */
const LONG = 20_000;
/** The longest request line that the server reads, less some room for headers. */
const MOST_LINE = 12_000;
/** Statuses that a request may have, whatever it is. A kernel of this package does not crash. */
const EXPECTED = [200, 202, 400, 404, 405, 406, 409, 413, 415, 422, 503, 504, 507];

/** @param {{ server: Server, requests: number, seed: number, log?: (line: string) => void }} options */
export async function fuzz({ server, requests, seed, log = () => {} }) {
  const random = randomBy(seed);
  const client = new Client(server.url, AT_ONCE);
  const description = JSON.parse((await client.send('/openapi.json')).body);
  const report = { requests: 0, statuses: {}, seed, rssStartMB: 0, rssEndMB: 0, complaints: [] };
  const jobs = [];
  const make = maker(description, random, jobs);
  const warm = Math.min(requests / 4, 5000);
  async function ask() {
    while (report.requests < requests) {
      report.requests += 1;
      if (report.requests === Math.floor(warm)) report.rssStartMB = memoryOf(server);
      if (report.requests % 5000 === 0) log(`${report.requests} of ${requests}, ${memoryOf(server)} MB`);
      const { path, ...options } = make();
      let answer;
      try {
        answer = await client.send(path, options);
      } catch (error) {
        complain(`${options.method} ${path}: ${error.code} ${error.message}`);
        continue;
      }
      const { status, body, headers } = answer;
      report.statuses[status] = (report.statuses[status] ?? 0) + 1;
      if (!EXPECTED.includes(status)) complain(`${options.method} ${path} ${JSON.stringify(options.headers)} ${String(options.body).slice(0, 200)}: ${status} ${body.toString().slice(0, 300)}`);
      if (status >= 400) {
        const { code, status: said } = parse(body);
        if (!code || said !== status || !/problem\+json/.test(headers['content-type'])) complain(`${options.method} ${path}: ${status} without a code: ${body.toString().slice(0, 300)}`);
      }
      if (status === 202) jobs.push(parse(body).id);
      if (jobs.length > 50) jobs.shift();
    }
  }
  function complain(what) {
    if (report.complaints.length < 10) report.complaints.push(what);
  }
  await Promise.all(Array.from({ length: AT_ONCE }, ask));
  report.rssEndMB = memoryOf(server);
  if (client.again > 0) complain(`${client.again} connections broke, the last one of ${client.broken}`);
  client.close();
  if (requests >= LONG && report.rssEndMB > report.rssStartMB * MOST_GROWTH) complain(`memory grew from ${report.rssStartMB} MB to ${report.rssEndMB} MB`);
  for (const { msg, pid } of server.logs) if (/was lost/.test(msg)) complain(`process ${pid}: ${msg}`);
  return report;
}

function parse(body) {
  try {
    return JSON.parse(body);
  } catch {
    return {};
  }
}

/** Of all its processes, in MB. */
export function memoryOf({ processes }) {
  const resident = (pid) => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0);
  return Math.round(processes.reduce((sum, pid) => sum + resident(pid), 0) / 1000);
}

function maker({ paths, components }, random, jobs) {
  const pick = (list) => list[Math.floor(random() * list.length)];
  const chance = (share) => random() < share;
  const whole = (most) => Math.floor(random() * most);
  const resolve = (schema) => (schema?.$ref ? resolve(components.schemas[schema.$ref.split('/').at(-1)]) : (schema ?? {}));
  const odd = () => pick([null, true, -1, 0, 1.5, 1e308, -0, 2 ** 53, '', 'x', '@/etc/passwd', '../../x', '\u0000', '💥', 'a'.repeat(2000), [], {}, [[[]]], { $array: 0 }, { type: 'Uint8Array', data: [1, 2] }, { type: 'BigInt64Array', data: [1.5] }, [1, 'x'], '__proto__', 'constructor']);

  function valueOf(schema, depth = 0) {
    if (chance(0.08) || depth > 6) return odd();
    const { enum: choices, const: only, anyOf, oneOf, type, items, properties, required = [], minimum } = resolve(schema);
    if (only !== undefined) return only;
    if (choices) return pick(choices);
    if (anyOf ?? oneOf) return valueOf(pick(anyOf ?? oneOf), depth + 1);
    switch (Array.isArray(type) ? pick(type) : type) {
      case 'integer':
        return chance(0.1) ? pick([-1, 65_536, 2 ** 32, 2 ** 40]) : Math.max(minimum ?? 0, whole(pick([2, 20, 60])));
      case 'number':
        return (random() - 0.5) * pick([1, 10, 1e6]);
      case 'string':
        return pick(['', 'a', 'sha256', 'blake3', 'lanczos3']);
      case 'boolean':
        return chance(0.5);
      case 'array':
        return Array.from({ length: whole(pick([0, 4, 64, 400])) }, () => (items ? valueOf(items, depth + 1) : whole(256)));
      case 'object':
        return Object.fromEntries(Object.entries(properties ?? {}).filter(([name]) => required.includes(name) ? chance(0.97) : chance(0.3)).map(([name, inner]) => [name, valueOf(inner, depth + 1)]));
      default:
        return odd();
    }
  }
  const text = (value) => (typeof value === 'object' ? JSON.stringify(value) : String(value));
  const accept = () => pick(['*/*', 'application/json', 'application/x-npy', 'application/octet-stream', 'image/png', 'image/*;q=0.5, application/json', 'text/html', 'nonsense', '']);

  return () => {
    const path = pick(Object.keys(paths));
    const [method, operation] = pick(Object.entries(paths[path]));
    // One that is random does not end by itself; events do with their job.
    let url = path.replace('{id}', () => (jobs.length > 0 && chance(0.7) ? pick(jobs) : pick(['1-x', 'x', '%00', '..', `${whole(5)}-00000000-0000-0000-0000-000000000000`])));
    if (chance(0.03)) url = pick(['/', '//', '/v1', '/v1/jobs', '/v1/jobs/', `/${'x'.repeat(3000)}`, '/%2e%2e/', '/v1/jobs/%00', '/favicon.ico']);
    const headers = { accept: accept() };
    if (operation.requestBody === undefined) return { path: url, method: chance(0.05) ? pick(['PUT', 'PATCH', 'POST']) : method.toUpperCase(), headers };
    const { content } = operation.requestBody;
    const queried = (operation.parameters ?? []).filter(({ name }) => (name === 'async' ? chance(0.1) : chance(0.5)));
    const search = new URLSearchParams(queried.map(({ name, schema }) => [name, name === 'async' ? '' : text(valueOf(schema))]));
    if (chance(0.05)) search.append(pick(['x', '__proto__', 'data', 'a.b.c']), text(odd()));
    const type = chance(0.05) ? pick(['text/plain', 'nonsense', 'application/json; charset=latin1', 'multipart/form-data', 'image/gif']) : pick(Object.keys(content));
    // A longer line is refused (431) before the rest of it is read, which breaks the connection: tests/serve/security.test.mjs.
    const asked = `${url}?${search}`;
    const request = { path: chance(0.6) && asked.length < MOST_LINE ? asked : url, method: 'POST', headers: { ...headers, 'content-type': type } };
    return { ...request, ...bodyOf(type, content, request.headers) };
  };

  function bodyOf(type, content, headers) {
    if (type === 'application/json') {
      const body = JSON.stringify(valueOf(content[type].schema)) ?? '';
      return { body: chance(0.05) ? body.slice(0, whole(body.length)) : body };
    }
    if (type === 'multipart/form-data') {
      const { properties } = content[type]?.schema ?? {};
      const parts = Object.entries(properties ?? {}).filter(() => chance(0.9)).map(([name, schema]) => {
        const file = schema.format === 'binary' || chance(0.05);
        const body = file ? binary() : Buffer.from(text(valueOf(schema)));
        const kind = file ? `; filename="${pick(['a', '../../a', ''])}"\r\nContent-Type: ${pick(['image/jpeg', 'application/octet-stream', 'application/x-npy', 'text/plain'])}` : '';
        return Buffer.concat([Buffer.from(`--b\r\nContent-Disposition: form-data; name="${name}"${kind}\r\n\r\n`), body, Buffer.from('\r\n')]);
      });
      const whole = Buffer.concat([...parts, Buffer.from('--b--\r\n')]);
      return { headers: { ...headers, 'content-type': `${type}; boundary=b` }, body: chance(0.05) ? whole.subarray(0, whole.length / 2) : whole };
    }
    return { body: binary() };
  }

  function binary() {
    if (chance(0.02)) return photo;
    if (chance(0.02)) return Buffer.alloc(2 << 20);
    const bytes = Buffer.from(Array.from({ length: whole(pick([1, 200, 3000])) }, () => whole(256)));
    if (chance(0.3)) return Buffer.concat([Buffer.from("\x93NUMPY\x01\x00v\x00{'descr': '<u2', 'fortran_order': False, 'shape': (4,), }".padEnd(127), 'latin1'), Buffer.from('\n'), bytes]);
    return chance(0.2) ? Buffer.concat([photo.subarray(0, whole(3000)), bytes]) : bytes;
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({ options: { requests: { type: 'string', default: '100000' }, seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 31)) }, json: { type: 'boolean', default: false } } });
  const ends = [];
  const server = await Server.start({ after: (end) => ends.push(end) }, ['--processes', '2', '--threads', '1', '--max-body', '1M', '--timeout', '2000']);
  const { complaints, ...report } = await fuzz({ server, requests: Number(values.requests), seed: Number(values.seed), log: (line) => console.error(line) });
  for (const end of ends) await end();
  for (const complaint of complaints) console.error(`! ${complaint}`);
  console.log(values.json ? JSON.stringify(report) : report);
  process.exitCode = complaints.length > 0 ? 1 : 0;
}
