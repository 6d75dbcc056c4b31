// A server under load while its processes are killed and restarted: every request is answered, and rightly.
//
//   node tests/serve/load.mjs [--seconds N] [--json]
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { createHost } from '../../pkg/node.js';
import { Client } from './client.mjs';
import { Server, view } from './server.mjs';

/** Requests under way. */
const AT_ONCE = 24;

/**
 * @param {{ server: Server, seconds: number, disturb: (server: Server) => Promise<void> }} options disturb: done again and again meanwhile
 */
export async function load({ server, seconds, disturb }) {
  const host = await createHost({ threads: 1 });
  const client = new Client(server.url, AT_ONCE);
  const expected = JSON.stringify([...(await host.run('mandelbrot', view)).counts]);
  const report = { requests: 0, answered: 0, wrong: 0, failed: 0, sentAgain: 0, disturbed: 0, seconds };
  const complaints = [];
  const until = Date.now() + seconds * 1000;
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
  ];
  function fail(status, body, number) {
    throw new Error(`request ${number}: ${status} ${body.toString().slice(0, 300)}`);
  }
  async function ask() {
    while (Date.now() < until) {
      const number = (report.requests += 1);
      try {
        if (!(await kinds[number % kinds.length](number))) report.wrong += 1;
        report.answered += 1;
      } catch (error) {
        report.failed += 1;
        if (complaints.length < 10) complaints.push(`${error.code ?? ''} ${error.message}`);
      }
    }
  }
  const asking = Promise.all(Array.from({ length: AT_ONCE }, ask));
  while (Date.now() < until - 1000) {
    await sleep(1000);
    await disturb(server);
    report.disturbed += 1;
  }
  await asking;
  report.sentAgain = client.again;
  client.close();
  await host.close();
  return { ...report, complaints };
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

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({ options: { seconds: { type: 'string', default: '60' }, json: { type: 'boolean', default: false } } });
  for (const [name, disturb] of Object.entries(disturbances)) {
    const ends = [];
    const server = await Server.start({ after: (end) => ends.push(end) }, ['--processes', '3', '--threads', '1', '--log', 'info']);
    const { complaints, ...report } = await load({ server, seconds: Number(values.seconds), disturb });
    for (const end of ends) await end();
    for (const complaint of complaints) console.error(`! ${complaint}`);
    console.log(values.json ? JSON.stringify({ name, ...report }) : `${name}: ${JSON.stringify(report)}`);
    if (report.wrong + report.failed > 0) process.exitCode = 1;
  }
}
