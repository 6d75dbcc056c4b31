// The server's processes: those that die are replaced, restarts and ends lose no request.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { test } from 'node:test';
import { signalAt } from '../cli/signal-at.mjs';
import { naiveMandelbrot } from '../host/mandelbrot.mjs';
import { disturbances, load } from './load.mjs';
import { eventsOf, query, Server, view } from './server.mjs';

const long = { ...view, width: 1200, height: 1200, maxIterations: 20_000 };
const alive = (pid) => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

/** Process numbers of a process' children. */
const childrenOf = (pid) => readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number);

for (const [name, seconds] of [['kill', 8], ['reload', 6]]) {
  test(`under load, ${name} again and again: every request is answered, and rightly`, { timeout: 60_000 }, async (t) => {
    const server = await Server.start(t, ['--processes', '2', '--threads', '1']);
    const { complaints, ...report } = await load({ server, seconds, disturb: disturbances[name] });
    t.diagnostic(JSON.stringify(report));
    const { wrong, failed } = report;
    assert.deepEqual({ wrong, failed }, { wrong: 0, failed: 0 }, complaints.join('\n'));
    assert.equal(report.answered, report.requests);
    assert.ok(report.disturbed >= 2 && report.requests > 100);
    // A restart that was asked for breaks no connection at all.
    if (name === 'reload') assert.equal(report.sentAgain, 0);
    assert.equal(await server.end(), 0, server.errors);
  });
}

test('SIGTERM: what came is answered, what is left of the server is nothing', { timeout: 60_000 }, async (t) => {
  const server = await Server.start(t, ['--processes', '2', '--threads', '1']);
  const { processes } = server;
  assert.equal(processes.length, 2);
  const asked = server.fetch(`/v1/jobs/mandelbrot?${query(long)}`, { method: 'POST', headers: { accept: 'application/octet-stream' } });
  await sleep(150);
  server.kill('SIGTERM');
  const counts = new Uint32Array(await (await asked).arrayBuffer());
  assert.equal(counts.length, 1200 * 1200);
  const [code] = await server.exited;
  assert.equal(code, 0, server.errors);
  assert.deepEqual(processes.filter(alive), []);
  await assert.rejects(server.fetch('/healthz'));
});

test('processes of a server that is killed end with it', { timeout: 60_000 }, async (t) => {
  const server = await Server.start(t, ['--processes', '2', '--threads', '1']);
  const { processes } = server;
  server.kill('SIGKILL');
  for (const end = Date.now() + 10_000; processes.some(alive); await sleep(20)) assert.ok(Date.now() < end, 'they are gone');
});

test('a process that dies again and again is started after longer and longer waits', { timeout: 60_000 }, async (t) => {
  const server = await Server.start(t, ['--processes', '1', '--threads', '1']);
  const waits = [];
  const times = [];
  const killOnce = async () => {
    const from = server.logs.length;
    process.kill(server.processes[0], 'SIGKILL');
    waits.push((await server.until(({ msg }) => /was lost/.test(msg), from)).wait);
    const lost = Date.now();
    await server.until(({ msg }) => msg === 'a process serves', from);
    times.push(Date.now() - lost);
  };
  for (let time = 0; time < 4; time += 1) await killOnce();
  assert.deepEqual(waits, [100, 200, 400, 800]);
  waits.forEach((wait, index) => assert.ok(times[index] >= wait - 20, `${times[index]} ms after a wait of ${wait}`));
  // One that was sound is replaced at once.
  await sleep(1100);
  await killOnce();
  assert.equal(waits.at(-1), 0);
});

test('SIGTERM while processes are started and restarted: nothing is left', { timeout: 60_000 }, async (t) => {
  const server = await Server.start(t, ['--processes', '2', '--threads', '1']);
  process.kill(server.processes[0], 'SIGKILL');
  server.kill('SIGHUP');
  await sleep(30);
  const children = childrenOf(server.pid);
  server.kill('SIGTERM');
  const [code] = await server.exited;
  assert.equal(code, 0, server.errors);
  assert.ok(children.length > 0);
  assert.deepEqual(children.filter(alive), []);
});

test('a signal as soon as it says that it serves is heard', { timeout: 60_000 }, async (t) => {
  const args = ['--processes', '1', '--threads', '1'];
  const ends = new Server(['--port', '0', ...args], signalAt('"serving"', 'SIGTERM'));
  t.after(() => ends.end());
  assert.deepEqual(await ends.exited, [0, null], ends.errors);
  const restarts = await Server.start(t, args, signalAt('"serving"', 'SIGHUP'));
  await restarts.until(({ msg }) => msg === 'all processes were restarted');
  assert.equal(await restarts.end(), 0, restarts.errors);
});

test('an asynchronous job outlives the restart of its process', { timeout: 60_000 }, async (t) => {
  const server = await Server.start(t, ['--processes', '2', '--threads', '1']);
  const { id, events } = await (await server.fetch(`/v1/jobs/mandelbrot?async&${query({ ...view, width: 200, height: 100 })}`, { method: 'POST' })).json();
  for await (const _ of eventsOf(await server.fetch(events)));
  await disturbances.reload(server);
  const { counts } = await (await server.fetch(`/v1/jobs/${id}/result`)).json();
  assert.deepEqual(counts.data, [...naiveMandelbrot({ ...view, width: 200, height: 100 })]);
});

test('what cannot be is one sentence and an exit code', async () => {
  for (const [args, code, pattern] of [
    [['--port', '70000'], 2, /whole number from 0 to 65535/],
    [['--host', '203.0.113.7'], 1, /cannot listen at 203.0.113.7:8080: this machine has no such address/],
    [['--token-file', '/nowhere/token'], 2, /there is no such file/],
    [['--max-body', 'much'], 2, /number of bytes/],
    [['--processes', '0'], 2, /whole number/],
    [['--trust-proxy', '127.0.0.1,everybody'], 2, /'everybody' is no address or network/],
    [['--trust-proxy', '10.0.0.0/33'], 2, /is no address or network/],
  ]) {
    const server = new Server(args);
    const [got] = await server.exited;
    assert.equal(got, code, `${args}: ${server.errors}`);
    assert.match(server.errors, pattern);
  }
});
