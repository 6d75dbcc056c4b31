// Clients that mean no good, or know no better: each gets an answer with a code, and the server goes on.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { test } from 'node:test';
import { fuzz } from './fuzz.mjs';
import { Server, view } from './server.mjs';

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
    ['no HTTP', ['\x16\x03\x01 hello\r\n\r\n'], /^HTTP\/1\.1 400/],
    ['a head without end', [`GET /${'a'.repeat(40_000)} HTTP/1.1\r\n\r\n`], /^HTTP\/1\.1 4(14|31)/],
    ['two lengths', [`${head}Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello`], /^HTTP\/1\.1 400/],
    ['a length and chunks', [`${head}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`], /^HTTP\/1\.1 400/],
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

test('slow senders are let go', { timeout: 60_000 }, async (t) => {
  const server = await Server.start(t, ['--processes', '1', '--threads', '1', '--request-timeout', '1000']);
  const begun = Date.now();
  const [body, head] = await Promise.all([
    raw(server, ['POST /v1/jobs/hash?algorithm=sha256 HTTP/1.1\r\nHost: x\r\nContent-Type: application/octet-stream\r\nContent-Length: 1000\r\n\r\n', ...'slowly and slowly and slowly and slowly'], 250),
    raw(server, ['POST /v1/jobs/hash HTTP/1.1\r\n', ...Array.from({ length: 40 }, (_, index) => `X-${index}: y\r\n`)], 250),
  ]);
  assert.match(body, /^(HTTP\/1\.1 408|$)/);
  assert.match(head, /^(HTTP\/1\.1 408|$)/);
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
