// `loomwork demo`: the headers that threads need, the files, the port and its end.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, request } from 'node:http';
import { describe, test } from 'node:test';
import { run, start } from './support.mjs';

/** Starts the demo, and ends it after the test. */
async function demo(t, ...args) {
  const child = start(['demo', ...args]);
  t.after(() => child.kill('SIGKILL'));
  let stdout = '';
  for await (const chunk of child.stdout) {
    stdout += chunk;
    if (stdout.includes('\n')) break;
  }
  return { child, url: /http:\S+/.exec(stdout)[0], stdout };
}

/** A port that is taken until the test's end. */
async function taken(t, port = 0) {
  const server = createServer().listen(port, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  return server.address().port;
}

/** A request with its path as it is; fetch would tidy it. */
async function status(url, path, method = 'GET') {
  const { hostname, port } = new URL(url);
  const [response] = await once(request({ hostname, port, path, method }).end(), 'response');
  response.resume();
  return response.statusCode;
}

describe('what it serves', () => {
  test('each file with the isolation headers and its MIME type, even a missing one', async (t) => {
    const { url } = await demo(t, '--port', '0');
    for (const [path, code, type] of [
      ['', 200, 'text/html;charset=utf-8'],
      ['bench/', 200, 'text/html;charset=utf-8'],
      ['worker.js', 200, 'text/javascript'],
      ['loomwork.threads.wasm', 200, 'application/wasm'],
      ['nowhere.js', 404, 'text/plain; charset=utf-8'],
    ]) {
      const response = await fetch(new URL(path, url));
      assert.equal(response.status, code, path);
      assert.equal(response.headers.get('content-type'), type, path);
      assert.equal(response.headers.get('cross-origin-opener-policy'), 'same-origin');
      assert.equal(response.headers.get('cross-origin-embedder-policy'), 'require-corp');
      assert.equal(response.headers.get('cross-origin-resource-policy'), 'same-origin');
      assert.equal(response.headers.get('cache-control'), 'no-store');
    }
  });

  test('--no-isolation leaves them out', async (t) => {
    const { url, stdout } = await demo(t, '--port', '0', '--no-isolation');
    const { headers } = await fetch(url);
    assert.equal(headers.get('cross-origin-opener-policy'), null);
    assert.equal(headers.get('cross-origin-embedder-policy'), null);
    assert.match(stdout, /127\.0\.0\.1/);
  });

  test('nothing outside of its folder, and nothing but reading', async (t) => {
    const { url } = await demo(t, '--port', '0');
    for (const path of ['/../package.json', '/%2e%2e/package.json', '/..%2fpackage.json', '/....//package.json', '/%']) {
      assert.notEqual(await status(url, path), 200, path);
    }
    assert.equal(await status(url, '/', 'POST'), 405);
    assert.equal(await status(url, '/', 'HEAD'), 200);
  });
});

describe('where it listens', () => {
  test('a taken port that was asked for is an error', async (t) => {
    const port = await taken(t);
    const { code, stderr } = await run(['demo', '--port', String(port)]);
    assert.match(stderr, new RegExp(`cannot listen at 127\\.0\\.0\\.1:${port}: the port is taken; choose another`));
    assert.equal(code, 1);
  });

  test('without --port the next free one is taken', async (t) => {
    // Whoever has the first port, it is taken.
    await taken(t, 8080).catch(() => {});
    const { url } = await demo(t);
    assert.ok(Number(new URL(url).port) > 8080);
    assert.equal((await fetch(url)).status, 200);
  });

  test('an address that is not here, and ports that are none', async () => {
    assert.equal((await run(['demo', '--host', '192.0.2.1'])).code, 1);
    assert.equal((await run(['demo', '--port', '70000'])).code, 2);
    assert.equal((await run(['demo', '--port', 'x'])).code, 2);
  });
});

test('Ctrl-C ends it with 0, whoever is connected', async (t) => {
  const { child, url } = await demo(t, '--port', '0');
  await fetch(url, { keepalive: true });
  child.kill('SIGINT');
  assert.deepEqual(await once(child, 'close'), [0, null]);
});
