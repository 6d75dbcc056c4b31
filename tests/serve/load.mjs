// ./build.sh chaos serve: a server under load while its processes are killed and restarted. Every request is answered, and rightly.
//
//   node tests/serve/load.mjs [--seconds N] [--only kill|reload] [--json]
//
// --seconds (60) is for each of the two. Exit code 1 when an answer was wrong or missing.
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { createHost } from '../../pkg/node.js';
import { Client } from './client.mjs';
import { photo, query, Server, view } from './server.mjs';

/** Requests under way. */
const AT_ONCE = 24;

/**
 * @param {{ server: Server, seconds: number, disturb: (server: Server) => Promise<void> }} options disturb: done again and again meanwhile
 */
export async function load({ server, seconds, disturb }) {
  const host = await createHost({ threads: 1 });
  const client = new Client(server.url, AT_ONCE);
  const expected = JSON.stringify([...(await host.run('mandelbrot', view)).counts]);
  const sha256 = createHash('sha256').update(photo).digest('hex');
  const report = { requests: 0, answered: 0, wrong: 0, failed: 0, sentAgain: 0, disturbed: 0, seconds };
  const complaints = [];
  const times = [];
  const until = Date.now() + seconds * 1000;
  let over = false;
  const kinds = [
    async (number) => {
      const { status, body } = await client.send('/v1/jobs/mandelbrot', post(view));
      return status === 200 ? JSON.stringify(JSON.parse(body).counts.data) === expected : fail(status, body, number);
    },
    async (number) => {
      const data = Array.from({ length: 50 }, (_, index) => (index * 7919 + number) % 1000);
      const { status, body } = await client.send('/v1/jobs/sort', post({ data }));
      return status === 200 ? JSON.stringify(JSON.parse(body).data.data) === JSON.stringify(data.sort((a, b) => a - b)) : fail(status, body, number);
    },
    // A body that takes a while to send, so that processes die in the middle of one.
    async (number) => {
      const { status, body } = await client.send(`/v1/jobs/hash?${query({ algorithm: 'sha256' })}`, { method: 'POST', headers: { 'content-type': 'application/octet-stream' }, body: photo });
      return status === 200 ? JSON.parse(body).hex === sha256 : fail(status, body, number);
    },
  ];
  function fail(status, body, number) {
    throw new Error(`request ${number}: ${status} ${body.toString().slice(0, 300)}`);
  }
  async function ask() {
    while (!over) {
      const number = (report.requests += 1);
      const begun = performance.now();
      try {
        if (!(await kinds[number % kinds.length](number))) report.wrong += 1;
        report.answered += 1;
        times.push(performance.now() - begun);
      } catch (error) {
        report.failed += 1;
        if (complaints.length < 10) complaints.push(`${error.code ?? ''} ${error.message}`);
      }
    }
  }
  const asking = Promise.all(Array.from({ length: AT_ONCE }, ask));
  // More than once even where all is slow.
  while (Date.now() < until || report.disturbed < 2) {
    await sleep(1000);
    await disturb(server);
    report.disturbed += 1;
  }
  over = true;
  await asking;
  report.sentAgain = client.again;
  client.close();
  await host.close();
  times.sort((a, b) => a - b);
  const at = (share) => Math.round(times[Math.floor((times.length - 1) * share)] ?? 0);
  return { ...report, milliseconds: { p50: at(0.5), p99: at(0.99), slowest: at(1) }, complaints };
}

function post(params) {
  return { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(params) };
}

/** What is done to a server under load. */
export const disturbances = {
  /** Kills one of its processes, as the system does that is out of memory. */
  async kill(server) {
    const { processes } = server;
    const pid = processes[Math.floor(Math.random() * processes.length)];
    if (pid) process.kill(pid, 'SIGKILL');
  },
  /** Restarts them one after the other. */
  async reload(server) {
    const from = server.logs.length;
    server.kill('SIGHUP');
    await server.until(({ msg }) => msg === 'all processes were restarted', from);
  },
};

const NAMES = { kill: 'a process is killed (SIGKILL) each second', reload: 'SIGHUP restarts all processes, again and again' };

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { seconds, only, json } = optionsFrom();
  for (const [name, disturb] of Object.entries(disturbances)) {
    if (only !== undefined && only !== name) continue;
    const ends = [];
    const server = await Server.start({ after: (end) => ends.push(end) }, ['--processes', '3', '--threads', '1', '--log', 'info']);
    const { complaints, ...report } = await load({ server, seconds, disturb });
    for (const end of ends) await end();
    for (const complaint of complaints) console.error(`! ${complaint}`);
    if (json) console.log(JSON.stringify({ name, ...report }));
    else {
      const { milliseconds, ...counts } = report;
      console.log(`${name}: ${NAMES[name]}`);
      for (const [what, count] of Object.entries(counts)) console.log(`  ${what.padEnd(12)} ${count}`);
      console.log(`  milliseconds p50 ${milliseconds.p50}, p99 ${milliseconds.p99}, slowest ${milliseconds.slowest}, tries that failed included`);
    }
    if (report.wrong + report.failed > 0 || report.answered !== report.requests) process.exitCode = 1;
  }
}

function optionsFrom() {
  let values;
  try {
    ({ values } = parseArgs({ options: { seconds: { type: 'string', default: '60' }, only: { type: 'string' }, json: { type: 'boolean', default: false } } }));
  } catch (error) {
    wrongUse(error.message);
  }
  const { only, json } = values;
  const seconds = Number(values.seconds);
  if (!(seconds >= 2)) wrongUse(`--seconds takes a number from 2, got '${values.seconds}'`);
  if (only !== undefined && !(only in disturbances)) wrongUse(`--only takes one of ${Object.keys(disturbances).join(', ')}, got '${only}'`);
  return { seconds, only, json };
}

function wrongUse(message) {
  console.error(message);
  process.exit(2);
}
