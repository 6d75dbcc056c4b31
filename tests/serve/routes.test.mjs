// Every route of the server: what goes in, in each form, and what comes out.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { createRequire } from 'node:module';
import { setTimeout as sleep } from 'node:timers/promises';
import { before, after, describe, test } from 'node:test';
import { createHost } from '../../pkg/node.js';
import { naiveMandelbrot } from '../host/mandelbrot.mjs';
import { endless, eventsOf, photo, query, Server, view } from './server.mjs';

const { compileErrors, dereference, validate } = createRequire(new URL('../../www/package.json', import.meta.url))('@readme/openapi-parser');

const afterAll = [];
let server;
let host;
before(async () => {
  server = await Server.start({ after: (end) => afterAll.push(end) }, ['--processes', '2', '--threads', '1', '--max-body', '8M', '--timeout', '20000']);
  host = await createHost({ threads: 1 });
});
after(async () => {
  await host.close();
  for (const end of afterAll) await end();
});

const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');

/** An .npy file of 64-bit floats, written by hand. */
function npy(values, descr = '<f8', Type = Float64Array) {
  const head = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${values.length},), }`.padEnd(117) + '\n';
  return Buffer.concat([Buffer.from([0x93, ...Buffer.from('NUMPY'), 1, 0, 118, 0]), Buffer.from(head), Buffer.from(Type.from(values).buffer)]);
}

async function problem(response, status, code, field) {
  assert.equal(response.status, status, await response.clone().text());
  assert.match(response.headers.get('content-type'), /^application\/problem\+json/);
  const body = await response.json();
  assert.equal(body.status, status);
  assert.equal(body.code, code);
  assert.equal(body.field, field);
  assert.ok(body.detail.length > 10, body.detail);
  return body;
}

describe('params', () => {
  test('as JSON', async () => {
    const response = await server.post('mandelbrot', view);
    assert.equal(response.status, 200);
    const { counts } = await response.json();
    assert.deepEqual(counts.data, [...naiveMandelbrot(view)]);
    assert.equal(counts.type, 'Uint32Array');
  });

  test('as JSON, with arrays of a kind and a shape, or plain lists', async () => {
    const typed = await (await server.post('sort', { data: { type: 'Int16Array', shape: [2, 2], data: [3, -1, 2, 0] }, order: 'descending' })).json();
    assert.deepEqual(typed.data, { type: 'Int16Array', shape: [2, 2], length: 4, data: [3, 2, 0, -1] });
    const plain = await (await server.post('sort', { data: [3, 1, 2] })).json();
    assert.deepEqual(plain.data.data, [1, 2, 3]);
  });

  test('in the query, with bytes as the body', async () => {
    const response = await server.fetch('/v1/jobs/hash?algorithm=sha256', { method: 'POST', body: photo, headers: { 'content-type': 'application/octet-stream' } });
    assert.deepEqual(await response.json(), { hex: sha256(photo) });
  });

  test('in the query, with an .npy file as the body, and back', async () => {
    const response = await server.fetch('/v1/jobs/sort?order=descending', { method: 'POST', body: npy([1, 3, 2]), headers: { 'content-type': 'application/x-npy', accept: 'application/x-npy' } });
    assert.equal(response.headers.get('content-type'), 'application/x-npy');
    const bytes = Buffer.from(await response.arrayBuffer());
    assert.equal(Number(response.headers.get('content-length')), bytes.length);
    assert.deepEqual([...new Float64Array(new Uint8Array(bytes.subarray(-24)).buffer)], [3, 2, 1]);
  });

  for (const [accept, magic] of [['image/png', '89504e47'], ['image/jpeg', 'ffd8ff'], ['image/webp', '52494646']]) {
    test(`an image as the body, ${accept} back`, async () => {
      const response = await server.fetch('/v1/jobs/image.resize?width=64&height=48', { method: 'POST', body: photo, headers: { 'content-type': 'image/jpeg', accept } });
      assert.equal(response.status, 200);
      assert.equal(response.headers.get('content-type'), accept);
      const bytes = Buffer.from(await response.arrayBuffer());
      assert.ok(bytes.toString('hex').startsWith(magic));
      const { image } = await host.run('image.decode', { data: bytes });
      assert.deepEqual([image.width, image.height], [64, 48]);
      if (accept === 'image/jpeg') return;
      const full = await host.run('image.decode', { data: photo });
      const { image: expected } = await host.run('image.resize', { image: full.image, width: 64, height: 48 });
      assert.equal(sha256(image.data), sha256(expected.data));
    });
  }

  test('as a form with a part for each param', async () => {
    const form = new FormData();
    form.set('image', new Blob([photo], { type: 'image/jpeg' }), 'photo.jpg');
    form.set('width', '32');
    form.set('height', '24');
    form.set('filter', 'bilinear');
    const response = await server.fetch('/v1/jobs/image.resize', { method: 'POST', body: form, headers: { accept: 'application/json' } });
    const { image } = await response.json();
    assert.deepEqual([image.width, image.height, image.data.length], [32, 24, 32 * 24 * 4]);
  });

  test('a kernel whose output is a file gives it as what it is', async () => {
    const form = new FormData();
    form.set('image', new Blob([photo], { type: 'image/jpeg' }), 'photo.jpg');
    form.set('format', 'png');
    const response = await server.fetch('/v1/jobs/image.encode', { method: 'POST', body: form, headers: { accept: 'image/*' } });
    assert.equal(response.headers.get('content-type'), 'image/png');
  });

  test('a large answer as JSON comes whole', async () => {
    const { counts } = await (await server.post('mandelbrot', { ...view, width: 1000, height: 700 })).json();
    assert.equal(counts.data.length, 700_000);
  });
});

describe('refusals', () => {
  const json = { 'content-type': 'application/json' };
  const post = (path, body, headers = json) => server.fetch(path, { method: 'POST', body, headers });
  for (const [what, ask, status, code, field] of [
    ['a param of the wrong kind', () => server.post('mandelbrot', { ...view, width: 'wide' }), 400, 'BAD_PARAMS', 'width'],
    ['a param that is not there', () => server.post('hash', { algorithm: 'sha256' }), 400, 'BAD_PARAMS', 'data'],
    ['an unknown param', () => server.post('mandelbrot', { ...view, widht: 1 }), 400, 'BAD_PARAMS', 'widht'],
    ['an unknown param in the query', () => post('/v1/jobs/mandelbrot?widht=1', '{}'), 400, 'BAD_PARAMS', 'widht'],
    ['a param given twice', () => post('/v1/jobs/sort?order=ascending&order=descending', '{"data":[1]}'), 400, 'BAD_PARAMS', 'order'],
    ['a param in query and body', () => post('/v1/jobs/sort?order=ascending', '{"data":[1],"order":"ascending"}'), 400, 'BAD_PARAMS', 'order'],
    ['a file of the server as a param', () => post('/v1/jobs/hash?algorithm=sha256&data=@/etc/passwd', '{}'), 400, 'BAD_PARAMS', 'data'],
    ['a kind of array that there is not', () => server.post('sort', { data: { type: 'Function', data: [1] } }), 400, 'BAD_PARAMS', 'data.type'],
    ['a shape that does not fit', () => server.post('sort', { data: { type: 'Int8Array', data: [1], shape: [2] } }), 400, 'BAD_PARAMS', 'data.shape'],
    ['a picture that is none', () => post('/v1/jobs/image.resize?width=1&height=1', 'no image', { 'content-type': 'image/png' }), 400, 'BAD_PARAMS', 'image'],
    ['an .npy file that is none', () => post('/v1/jobs/sort', 'no array', { 'content-type': 'application/x-npy' }), 400, 'BAD_PARAMS', 'data'],
    ['what is not JSON', () => post('/v1/jobs/sort', '{"data":'), 400, 'BAD_REQUEST', undefined],
    ['a list instead of params', () => post('/v1/jobs/sort', '[1]'), 400, 'BAD_REQUEST', undefined],
    ['a poisoned prototype', () => post('/v1/jobs/sort', '{"__proto__":{"data":[1]}}'), 400, 'BAD_REQUEST', undefined],
    ['an unknown kernel', () => server.post('mandelbort', view), 404, 'UNKNOWN_KERNEL', undefined],
    ['an unknown path', () => server.fetch('/v2'), 404, 'NOT_FOUND', undefined],
    ['a path that climbs', () => server.fetch('/v1/jobs/..%2f..%2fetc%2fpasswd', { method: 'POST' }), 404, 'UNKNOWN_KERNEL', undefined],
    ['a path that is no text', () => server.fetch('/v1/jobs/%ff', { method: 'POST' }), 400, 'BAD_REQUEST', undefined],
    ['an unknown job', () => server.fetch('/v1/jobs/1-00000000-0000-0000-0000-000000000000'), 404, 'UNKNOWN_JOB', undefined],
    ['a job of a process that is not there', () => server.fetch('/v1/jobs/99-00000000-0000-0000-0000-000000000000'), 404, 'UNKNOWN_JOB', undefined],
    ['what is no job at all', () => server.fetch('/v1/jobs/hello'), 404, 'UNKNOWN_JOB', undefined],
    ['a wrong method', () => server.fetch('/v1/kernels', { method: 'DELETE' }), 405, 'METHOD_NOT_ALLOWED', undefined],
    ['a media type that cannot be had', () => server.post('hash', {}, { accept: 'image/png' }), 406, 'NOT_ACCEPTABLE', undefined],
    ['a body too large', () => post('/v1/jobs/hash?algorithm=sha256', Buffer.alloc(9 << 20), { 'content-type': 'application/octet-stream' }), 413, 'BODY_TOO_LARGE', undefined],
    ['a media type that cannot be read', () => post('/v1/jobs/sort', '<a/>', { 'content-type': 'text/xml' }), 415, 'UNSUPPORTED_MEDIA_TYPE', undefined],
    ['a body for a kernel without one', () => post('/v1/jobs/mandelbrot', 'x', { 'content-type': 'application/octet-stream' }), 415, 'UNSUPPORTED_MEDIA_TYPE', undefined],
  ]) {
    test(`${what} is ${status} ${code}`, async () => problem(await ask(), status, code, field));
  }

  test('a part too large is 413', async () => {
    const form = new FormData();
    form.set('data', new Blob([new Uint8Array(9 << 20)], { type: 'application/octet-stream' }), 'data');
    await problem(await server.fetch('/v1/jobs/hash', { method: 'POST', body: form }), 413, 'BODY_TOO_LARGE');
  });

  test('a job that takes too long is 504', async (t) => {
    const hasty = await Server.start(t, ['--processes', '1', '--threads', '1', '--timeout', '200']);
    await problem(await hasty.post('mandelbrot', endless), 504, 'TIMEOUT');
  });

  test('more jobs than may wait are 503, with Retry-After', async (t) => {
    const small = await Server.start(t, ['--processes', '1', '--threads', '1', '--max-queue', '0']);
    const controller = new AbortController();
    const held = Array.from({ length: 12 }, () => small.fetch('/v1/jobs/mandelbrot', { method: 'POST', body: JSON.stringify(endless), headers: json, signal: controller.signal }));
    const refused = await Promise.race(held);
    await problem(refused, 503, 'QUEUE_FULL');
    assert.equal(refused.headers.get('retry-after'), '1');
    controller.abort();
    await Promise.allSettled(held);
  });

  test('more requests than a client may make are 429', async (t) => {
    const slow = await Server.start(t, ['--processes', '1', '--threads', '1', '--rate', '3']);
    for (let count = 0; count < 3; count += 1) assert.equal((await slow.fetch('/v1/kernels')).status, 200);
    await problem(await slow.fetch('/v1/kernels'), 429, 'RATE_LIMITED');
    assert.equal((await slow.fetch('/healthz')).status, 200);
  });
});

describe('asynchronous jobs', () => {
  const start = (params, kernel = 'mandelbrot') => server.fetch(`/v1/jobs/${kernel}?async&${query(params)}`, { method: 'POST' });

  test('any process answers for one, until it is done', async () => {
    const response = await start({ ...view, width: 300, height: 200 });
    assert.equal(response.status, 202);
    const job = await response.json();
    assert.equal(response.headers.get('location'), `/v1/jobs/${job.id}`);
    let status;
    do status = await (await server.fetch(`/v1/jobs/${job.id}`, { headers: { connection: 'close' } })).json();
    while (status.state !== 'done');
    assert.deepEqual(status.progress.fraction, 1);
    for (let time = 0; time < 6; time += 1) {
      const { counts } = await (await server.fetch(status.result, { headers: { connection: 'close' } })).json();
      assert.deepEqual(counts.data, [...naiveMandelbrot({ ...view, width: 300, height: 200 })]);
    }
    const bytes = await (await server.fetch(status.result, { headers: { accept: 'application/octet-stream' } })).arrayBuffer();
    assert.equal(bytes.byteLength, 300 * 200 * 4);
  });

  test('DELETE cancels it, from any process', async () => {
    for (let time = 0; time < 4; time += 1) {
      const { id } = await (await start(endless)).json();
      const before = await (await server.fetch(`/v1/jobs/${id}`, { headers: { connection: 'close' } })).json();
      assert.ok(['queued', 'running'].includes(before.state));
      const gone = await (await server.fetch(`/v1/jobs/${id}`, { method: 'DELETE', headers: { connection: 'close' } })).json();
      assert.equal(gone.state, 'cancelled');
      await problem(await server.fetch(`/v1/jobs/${id}/result`), 409, 'CANCELLED');
    }
  });

  test('its events tell of progress, parts and the end', async () => {
    const { id, events } = await (await start({ ...view, width: 900, height: 900, maxIterations: 20_000 })).json();
    const seen = { progress: 0, part: 0, done: 0 };
    for await (const { event, data } of eventsOf(await server.fetch(events))) {
      seen[event] += 1;
      if (event === 'done') assert.equal(data.state, 'done');
    }
    assert.equal(seen.done, 1);
    assert.ok(seen.part > 0 && seen.progress > 0, JSON.stringify(seen));
    assert.equal((await (await server.fetch(`/v1/jobs/${id}`)).json()).state, 'done');
  });

  test('the result of one that runs is 409', async () => {
    const { id } = await (await start(endless)).json();
    await problem(await server.fetch(`/v1/jobs/${id}/result`), 409, 'NOT_DONE');
    await server.fetch(`/v1/jobs/${id}`, { method: 'DELETE' });
  });

  test('what a kernel refuses is told in its state', async () => {
    const { id } = await (await start({ ...view, width: 0 })).json();
    let status;
    do status = await (await server.fetch(`/v1/jobs/${id}`)).json();
    while (status.state !== 'failed');
    assert.equal(status.problem.code, 'BAD_PARAMS');
    await problem(await server.fetch(`/v1/jobs/${id}/result`), 400, 'BAD_PARAMS', 'width');
  });
});

test('a job may stream its parts and its output in one answer', async () => {
  const rows = new Uint8Array(200);
  let output;
  const params = { ...view, width: 100, height: 200 };
  for await (const { event, data } of eventsOf(await server.post('mandelbrot', params, { accept: 'text/event-stream' }))) {
    if (event === 'part') for (let row = data.y; row < data.y + data.height; row += 1) rows[row] = 1;
    if (event === 'done') output = data;
  }
  assert.ok(rows.every(Boolean), 'every row came');
  assert.deepEqual(output.counts.data, [...naiveMandelbrot(params)]);
});

test('a client that hangs up cancels its job', async () => {
  const controller = new AbortController();
  const asked = server.fetch('/v1/jobs/mandelbrot', { method: 'POST', body: JSON.stringify(endless), headers: { 'content-type': 'application/json' }, signal: controller.signal });
  asked.catch(() => {});
  const cancelled = async () => Number(/loomwork_jobs_total\{kernel="mandelbrot",state="cancelled"\} (\d+)/.exec(await (await server.fetch('/metrics')).text())?.[1] ?? 0);
  const running = async () => Number(/^loomwork_running (\d+)/m.exec(await (await server.fetch('/metrics')).text())[1]);
  const before = await cancelled();
  for (const end = Date.now() + 10_000; (await running()) === 0; await sleep(20)) assert.ok(Date.now() < end, 'it runs');
  controller.abort();
  for (const end = Date.now() + 10_000; (await running()) > 0 || (await cancelled()) !== before + 1; await sleep(20)) assert.ok(Date.now() < end, 'it was cancelled');
});

test('it describes itself', async () => {
  const description = await (await server.fetch('/openapi.json')).json();
  assert.equal(description.openapi, '3.1.0');
  const verdict = await validate(structuredClone(description));
  assert.ok(verdict.valid, compileErrors(verdict));
  const { paths } = await dereference(structuredClone(description));
  const { kernels, $defs } = await (await server.fetch('/v1/kernels')).json();
  for (const { name } of kernels) assert.ok(paths[`/v1/jobs/${name}`]?.post, name);
  assert.ok($defs.MandelbrotParams.properties.width);
  assert.deepEqual(await (await server.fetch('/readyz')).json(), { status: 'ok' });
  const metrics = await (await server.fetch('/metrics')).text();
  for (const name of ['loomwork_jobs_total', 'loomwork_job_seconds_bucket', 'loomwork_queue', 'loomwork_http_request_seconds_count', 'process_resident_memory_bytes']) assert.match(metrics, new RegExp(`^${name}`, 'm'));
});
