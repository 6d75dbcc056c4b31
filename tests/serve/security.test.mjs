// Clients that mean no good, or know no better: each gets an answer with a code, and the server goes on.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { test } from 'node:test';
import { fuzz, memoryOf } from './fuzz.mjs';
import { photo, query, Server, view } from './server.mjs';

/** What a server says to bytes, until it closes the connection. */
async function raw(server, pieces, pause = 0) {
  const { hostname, port } = new URL(server.url);
  const socket = connect(Number(port), hostname);
  let text = '';
  socket.on('data', (data) => {
    text += data;
  });
  socket.on('error', () => {});
  const closed = once(socket, 'close');
  for (const piece of pieces) {
    if (socket.destroyed) break;
    socket.write(piece);
    await sleep(pause);
  }
  await Promise.race([closed, sleep(20_000)]);
  socket.destroy();
  return text;
}

test('a token: none, a wrong one, the right one', async (t) => {
  const server = await Server.start(t, ['--processes', '1', '--threads', '1'], { LOOMWORK_TOKEN: 's3cret-Token' });
  for (const [authorization, status] of [[undefined, 401], ['Bearer wrong', 401], ['Bearer s3cret-Toke', 401], ['Basic s3cret-Token', 401], ['Bearer s3cret-Token', 200]]) {
    const response = await server.post('mandelbrot', view, authorization && { authorization });
    assert.equal(response.status, status, authorization);
    if (status === 401) {
      assert.equal(response.headers.get('www-authenticate'), 'Bearer');
      assert.equal((await response.json()).code, 'UNAUTHORIZED');
    }
  }
  assert.equal((await server.fetch('/healthz')).status, 200);
  for (const path of ['/metrics', '/openapi.json', '/v1/kernels', '/nowhere', '/healthz/../metrics', '/healthz?x']) assert.ok([401, 404].includes((await server.fetch(path)).status) || path === '/healthz?x', path);
  assert.ok(!JSON.stringify(server.logs).includes('s3cret'), 'the token is not in the log');
});

test('broken requests', { timeout: 60_000 }, async (t) => {
  const server = await Server.start(t, ['--processes', '1', '--threads', '1', '--max-body', '1M']);
  const head = 'POST /v1/jobs/hash?algorithm=sha256 HTTP/1.1\r\nHost: x\r\n';
  for (const [what, pieces, pattern] of [
    ['no HTTP', ['\x16\x03\x01 hello\r\n\r\n'], /^HTTP\/1\.1 400.*problem\+json.*"code":"BAD_REQUEST"/s],
    ['a method that is none', ['FOO /healthz HTTP/1.1\r\nHost: x\r\n\r\n'], /^HTTP\/1\.1 400.*problem\+json.*"code":"BAD_REQUEST"/s],
    ['a line without end', [`GET /${'a'.repeat(40_000)} HTTP/1.1\r\n\r\n`], /^HTTP\/1\.1 431.*problem\+json.*"code":"HEADERS_TOO_LARGE"/s],
    ['headers without end', ['GET /healthz HTTP/1.1\r\n', ...Array.from({ length: 40 }, (_, index) => `X-${index}: ${'y'.repeat(1000)}\r\n`)], /^HTTP\/1\.1 431.*"code":"HEADERS_TOO_LARGE"/s],
    ['two lengths', [`${head}Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello`], /^HTTP\/1\.1 400.*"code":"BAD_REQUEST"/s],
    ['a length and chunks', [`${head}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`], /^HTTP\/1\.1 400.*"code":"BAD_REQUEST"/s],
    ['a length that is a lie', [`${head}Content-Type: application/octet-stream\r\nContent-Length: 99999999999\r\n\r\n`], /^HTTP\/1\.1 413.*BODY_TOO_LARGE/s],
    ['chunks without end', [`${head}Content-Type: application/octet-stream\r\nTransfer-Encoding: chunked\r\n\r\n`, ...Array.from({ length: 40 }, () => `10000\r\n${'x'.repeat(65536)}\r\n`)], /^HTTP\/1\.1 413.*BODY_TOO_LARGE/s],
    ['a form without boundary', [`${head}Content-Type: multipart/form-data\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello`], /^HTTP\/1\.1 4\d\d.*"code":"(BAD_REQUEST|UNSUPPORTED_MEDIA_TYPE)"/s],
    ['a form that ends too soon', [`${head}Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 70\r\nConnection: close\r\n\r\n${'--b\r\nContent-Disposition: form-data; name="data"; filename="a"\r\n\r\nxx'.padEnd(70, 'x')}`], /^HTTP\/1\.1 4\d\d.*"code":"(BAD_REQUEST|BAD_PARAMS|UNSUPPORTED_MEDIA_TYPE)"/s],
    ['a form with a poisoned name', [`${head}Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 75\r\nConnection: close\r\n\r\n${'--b\r\nContent-Disposition: form-data; name="__proto__"\r\n\r\nx\r\n--b--\r\n'.padEnd(75)}`], /^HTTP\/1\.1 4\d\d.*"code":"BAD_(REQUEST|PARAMS)"/s],
  ]) {
    const text = await raw(server, pieces, 1);
    assert.match(text, pattern, what);
  }
  assert.equal((await server.post('mandelbrot', view)).status, 200);
});

test('paths that climb and kernels that are not', { timeout: 60_000 }, async (t) => {
  const server = await Server.start(t, ['--processes', '1', '--threads', '1']);
  for (const [path, status, code] of [
    ['/v1/jobs/../../etc/passwd', 404, 'NOT_FOUND'],
    ['/v1/jobs/..%2f..%2fetc%2fpasswd', 404, 'UNKNOWN_KERNEL'],
    ['/v1/jobs/%2e%2e', 404, 'UNKNOWN_KERNEL'],
    ['/v1/jobs/%00', 404, 'UNKNOWN_KERNEL'],
    ['/v1/jobs/%ff', 400, 'BAD_REQUEST'],
    ['/v1/jobs/__proto__', 404, 'UNKNOWN_KERNEL'],
    ['/v1/jobs/constructor', 404, 'UNKNOWN_KERNEL'],
    ['/v1/jobs/HASH', 404, 'UNKNOWN_KERNEL'],
    [`/v1/jobs/${'x'.repeat(5000)}`, 400, 'BAD_REQUEST'],
    ['//v1/jobs/hash', 404, 'NOT_FOUND'],
    ['/v1/jobs/hash/', 404, 'NOT_FOUND'],
    ['\\v1\\jobs\\hash', 400, 'BAD_REQUEST'],
    // A proxy's way to name it: the path counts.
    ['http://elsewhere/v1/jobs/hash', 400, 'BAD_PARAMS'],
    ['/v1/jobs/1-..%2f..%2f..%2fsocket', 405, 'METHOD_NOT_ALLOWED'],
  ]) {
    const method = status === 405 ? 'PUT' : 'POST';
    const text = await raw(server, [`${method} ${path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}`]);
    assert.match(text, new RegExp(`^HTTP/1.1 ${status} .*"code":"${code}"`, 's'), path);
  }
  // A job's id names the socket of a process.
  for (const id of ['1-..%2f..%2fx', '1-00000000-0000-0000-0000-00000000000%2f', '999999999-00000000-0000-0000-0000-000000000000', '..']) {
    const text = await raw(server, [`GET /v1/jobs/${id} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`]);
    assert.match(text, /^HTTP\/1\.1 404 .*"code":"(UNKNOWN_JOB|NOT_FOUND)"/s, id);
  }
});

test('a form is a body: its parts together are limited', { timeout: 60_000 }, async (t) => {
  const server = await Server.start(t, ['--processes', '1', '--threads', '1', '--max-body', '1M']);
  const part = (bytes) => new Blob([new Uint8Array(bytes)], { type: 'application/octet-stream' });
  const send = async (...parts) => {
    const form = new FormData();
    for (const [name, value] of parts) form.set(name, value);
    const response = await server.fetch('/v1/jobs/hash', { method: 'POST', body: form });
    return [response.status, (await response.json()).code];
  };
  assert.deepEqual(await send(['data', part(900_000)], ['algorithm', 'sha256']), [200, undefined]);
  assert.deepEqual(await send(['data', part(1_100_000)], ['algorithm', 'sha256']), [413, 'BODY_TOO_LARGE']);
  assert.deepEqual(await send(['data', part(900_000)], ['algorithm', 'x'.repeat(200_000)]), [413, 'BODY_TOO_LARGE']);
  assert.deepEqual(await send(['algorithm', 'x'.repeat(1_100_000)]), [413, 'BODY_TOO_LARGE']);
});

test('a body where none belongs does not hold the answer up, from any process', { timeout: 60_000 }, async (t) => {
  const server = await Server.start(t, ['--processes', '2', '--threads', '1']);
  const { id } = await (await server.fetch(`/v1/jobs/mandelbrot?async&${query(view)}`, { method: 'POST' })).json();
  for (let time = 0; time < 4; time += 1) {
    const text = await raw(server, [`DELETE /v1/jobs/${id} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 7\r\nConnection: close\r\n\r\n{"a":1}`]);
    assert.match(text, /^HTTP\/1\.1 200/, `time ${time}`);
  }
});

test('more pictures than there are places: each is answered or refused, none is blamed', { timeout: 60_000 }, async (t) => {
  const server = await Server.start(t, ['--processes', '1', '--threads', '1', '--max-queue', '0']);
  const headers = { 'content-type': 'image/jpeg', accept: 'image/jpeg' };
  const answers = await Promise.all(Array.from({ length: 12 }, () => server.fetch('/v1/jobs/image.resize?width=64&height=48', { method: 'POST', body: photo, headers })));
  const statuses = answers.map(({ status }) => status);
  assert.ok(statuses.includes(200) && statuses.includes(503) && statuses.every((status) => [200, 503].includes(status)), String(statuses));
  for (const refused of answers.filter(({ status }) => status === 503)) assert.equal((await refused.json()).code, 'QUEUE_FULL');
  // Every place was given back.
  assert.equal((await server.fetch('/v1/jobs/image.resize?width=64&height=48', { method: 'POST', body: photo, headers })).status, 200);
});

test('pictures whose clients hang up give their turns back', { timeout: 60_000 }, async (t) => {
  const server = await Server.start(t, ['--processes', '1', '--threads', '1']);
  const send = (signal) => server.fetch('/v1/jobs/image.resize?width=64&height=48', { method: 'POST', body: photo, headers: { 'content-type': 'image/jpeg', accept: 'image/jpeg' }, signal });
  assert.equal((await send()).status, 200);
  for (const pause of [5, 20, 50, 100]) {
    const controller = new AbortController();
    const asked = Array.from({ length: 12 }, () => send(controller.signal));
    await sleep(pause);
    controller.abort();
    await Promise.allSettled(asked);
  }
  for (let time = 0; time < 4; time += 1) assert.equal((await send(AbortSignal.timeout(10_000))).status, 200);
});

test('pictures leave no memory behind, whether their kernel ran or refused', { timeout: 120_000 }, async (t) => {
  const server = await Server.start(t, ['--processes', '1', '--threads', '1']);
  const send = async (width) => {
    const response = await server.fetch(`/v1/jobs/image.resize?width=${width}&height=48`, { method: 'POST', body: photo, headers: { 'content-type': 'image/jpeg', accept: 'image/jpeg' } });
    await response.arrayBuffer();
    return response.status;
  };
  const many = async (count) => {
    for (let time = 0; time < count; time += 1) assert.deepEqual(await Promise.all([send(64), send(0)]), [200, 400]);
  };
  await many(20);
  const before = memoryOf(server);
  // 3.5 MB each when they are decoded.
  await many(100);
  const after = memoryOf(server);
  assert.ok(after - before < 200, `${before} MB, then ${after} MB`);
});

test('what a client says of its address counts only when a named proxy passes it on', { timeout: 60_000 }, async (t) => {
  const from = (server, address) => server.fetch('/v1/kernels', { headers: { 'x-forwarded-for': address } }).then(({ status }) => status);
  const behind = await Server.start(t, ['--processes', '1', '--threads', '1', '--rate', '1', '--trust-proxy', '127.0.0.1,10.0.0.0/8']);
  assert.deepEqual([await from(behind, '192.0.2.1'), await from(behind, '192.0.2.1'), await from(behind, '192.0.2.2')], [200, 429, 200]);
  // The last address that is no proxy's: what stands before it, the client may have made up.
  assert.equal(await from(behind, '192.0.2.9, 192.0.2.1, 10.1.2.3'), 429);
  const open = await Server.start(t, ['--processes', '1', '--threads', '1', '--rate', '1']);
  assert.deepEqual([await from(open, '192.0.2.1'), await from(open, '192.0.2.2')], [200, 429]);
});

test('slow senders are let go', { timeout: 60_000 }, async (t) => {
  const server = await Server.start(t, ['--processes', '1', '--threads', '1', '--request-timeout', '1000']);
  const begun = Date.now();
  const [body, head] = await Promise.all([
    raw(server, ['POST /v1/jobs/hash?algorithm=sha256 HTTP/1.1\r\nHost: x\r\nContent-Type: application/octet-stream\r\nContent-Length: 1000\r\n\r\n', ...'slowly and slowly and slowly and slowly'], 250),
    raw(server, ['POST /v1/jobs/hash HTTP/1.1\r\n', ...Array.from({ length: 40 }, (_, index) => `X-${index}: y\r\n`)], 250),
  ]);
  for (const text of [body, head]) assert.match(text, /^HTTP\/1\.1 408 .*problem\+json.*"code":"REQUEST_TIMEOUT"/s);
  assert.ok(Date.now() - begun < 12_000, 'long before all was sent');
  assert.equal((await server.post('mandelbrot', view)).status, 200);
});

test('random requests by the description: an answer with a code each', { timeout: 120_000 }, async (t) => {
  const server = await Server.start(t, ['--processes', '2', '--threads', '1', '--max-body', '1M', '--timeout', '2000']);
  const report = await fuzz({ server, requests: 3000, seed: Math.floor(Math.random() * 2 ** 31) });
  t.diagnostic(JSON.stringify({ ...report, complaints: undefined }));
  assert.deepEqual(report.complaints, []);
  assert.equal(server.logs.filter(({ msg }) => /was lost/.test(msg)).length, 0);
});
