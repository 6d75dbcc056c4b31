// `loomwork doctor`: this runtime, and pages that lack one thing each.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { describe, test } from 'node:test';
import { run } from './support.mjs';

const ISOLATED = { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' };
const HTML = '<!doctype html><script type="module" src="./app/main.js"></script>';

/** A page with one script that names a worker and a wasm file; `change` alters what is served by path. */
async function page(t, change = {}) {
  const files = {
    '/': { type: 'text/html', body: HTML },
    '/app/main.js': { type: 'text/javascript', body: 'import"./host.js";' },
    '/app/host.js': { type: 'text/javascript', body: "new Worker(new URL('./worker.js',import.meta.url));fetch(new URL('./loomwork.threads.wasm',import.meta.url))" },
    '/app/worker.js': { type: 'text/javascript', body: '' },
    '/app/loomwork.threads.wasm': { type: 'application/wasm', body: '\0asm' },
  };
  const server = createServer(({ url }, response) => {
    const file = { headers: ISOLATED, status: 200, ...files[url], ...change[url] };
    if (!files[url] && !change[url]) return response.writeHead(404).end();
    response.writeHead(file.status, { 'Content-Type': file.type, ...file.headers }).end(file.body);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  return `http://127.0.0.1:${server.address().port}/`;
}

async function examine(url) {
  const { code, stdout, stderr } = await run(['doctor', url, '--json']);
  assert.equal(stderr, '');
  const { subject, ok, findings } = JSON.parse(stdout);
  assert.equal(subject, url);
  const lacks = findings.filter((finding) => !finding.ok);
  assert.equal(code, ok ? 0 : 1);
  assert.equal(ok, lacks.length === 0);
  for (const { mend } of lacks) assert.ok(mend);
  return { findings, lacks };
}

test('this runtime has all that is needed', async () => {
  const { code, stdout } = await run(['doctor']);
  assert.match(stdout, /Node: v\d+/);
  assert.match(stdout, /Host: started in [\d.]+ m?s: threads backend; \d+ threads? on shared memory/);
  assert.match(stdout, /Nothing lacks for threads\./);
  assert.equal(code, 0);
  const { ok, findings } = JSON.parse((await run(['doctor', '--json'])).stdout);
  assert.equal(ok, true);
  assert.deepEqual(findings.map(({ name }) => name), ['Node', 'Cores', 'SharedArrayBuffer', 'WebAssembly SIMD', 'WebAssembly threads', 'WebAssembly exceptions', 'Host']);
});

test('a good page lacks nothing, and its worker and wasm are found through its scripts', async (t) => {
  const { findings, lacks } = await examine(await page(t));
  assert.deepEqual(lacks, []);
  const names = findings.map(({ name }) => name);
  assert.ok(names.includes('/app/worker.js') && names.includes('/app/loomwork.threads.wasm'), names.join());
});

describe('what a page lacks is named, with the line to add', () => {
  const csp = (policy) => ({ '/': { headers: { ...ISOLATED, 'Content-Security-Policy': policy } } });
  const cases = [
    ['COOP', { '/': { headers: { 'Cross-Origin-Embedder-Policy': 'require-corp' } } }, 'Cross-Origin-Opener-Policy', /^add the header {2}Cross-Origin-Opener-Policy: same-origin$/],
    ['a COOP that allows popups', { '/': { headers: { ...ISOLATED, 'Cross-Origin-Opener-Policy': 'same-origin-allow-popups' } } }, 'Cross-Origin-Opener-Policy', /same-origin$/],
    ['COEP', { '/': { headers: { 'Cross-Origin-Opener-Policy': 'same-origin' } } }, 'Cross-Origin-Embedder-Policy', /^add the header {2}Cross-Origin-Embedder-Policy: require-corp$/],
    ["COEP on the worker's own file", { '/app/worker.js': { headers: {} } }, '/app/worker.js: Cross-Origin-Embedder-Policy', /require-corp$/],
    ["the worker's MIME type", { '/app/worker.js': { type: 'text/html' } }, '/app/worker.js', /Content-Type: text\/javascript/],
    ["the wasm's MIME type", { '/app/loomwork.threads.wasm': { type: 'application/octet-stream' } }, '/app/loomwork.threads.wasm', /Content-Type: application\/wasm/],
    ['the wasm itself', { '/app/loomwork.threads.wasm': { status: 404 } }, '/app/loomwork.threads.wasm', /copy the package's wasm file there; \/app\/host\.js names it/],
    ['a CSP that allows wasm', csp("script-src 'self'"), 'CSP for wasm', /'wasm-unsafe-eval'/],
    ['a CSP that allows workers', csp("script-src 'self' 'wasm-unsafe-eval'; worker-src 'none'"), 'CSP for workers', /worker-src 'self'/],
    ['a CSP that allows workers, by its default', csp("default-src https://example.org 'wasm-unsafe-eval'; connect-src *"), 'CSP for workers', /worker-src 'self'/],
    ['a CSP that allows fetching', csp("script-src 'self' 'wasm-unsafe-eval'; connect-src https://example.org"), 'CSP for /app/loomwork.threads.wasm', /add 'self' to connect-src/],
    ['a CSP in the page itself', { '/': { body: `<meta http-equiv="Content-Security-Policy" content="script-src 'self'">${HTML}` } }, 'CSP for wasm', /'wasm-unsafe-eval'/],
    ['the page', { '/': { status: 500 } }, 'Page', /a page that is there/],
  ];
  for (const [name, change, finding, mend] of cases) {
    test(name, async (t) => {
      const { lacks } = await examine(await page(t, change));
      assert.deepEqual(lacks.map((lack) => lack.name), [finding]);
      assert.match(lacks[0].mend, mend);
    });
  }

  for (const policy of ["default-src 'self'; script-src 'self' 'wasm-unsafe-eval'", "script-src 'self' 'unsafe-eval'; worker-src 127.0.0.1:*", "default-src * 'unsafe-eval'", "img-src 'none'"]) {
    test(`${policy} lacks nothing`, async (t) => {
      assert.deepEqual((await examine(await page(t, csp(policy)))).lacks, []);
    });
  }

  test('two policies must both allow', async (t) => {
    const { lacks } = await examine(await page(t, csp("script-src 'self' 'wasm-unsafe-eval', worker-src blob:")));
    assert.deepEqual(lacks.map(({ name }) => name), ['CSP for workers']);
  });

  test('on the terminal, with the count', async (t) => {
    const { code, stdout } = await run(['doctor', await page(t, { '/': { headers: {} } })], { env: { LC_ALL: 'C.UTF-8' } });
    assert.match(stdout, /✗ Cross-Origin-Opener-Policy: missing\n {4}add the header {2}Cross-Origin-Opener-Policy: same-origin\n/);
    assert.match(stdout, /2 things to mend\./);
    assert.equal(code, 1);
  });
});

describe('what is no page', () => {
  test('a URL that is none is wrong use', async () => {
    const { code, stderr } = await run(['doctor', 'localhost:8080']);
    assert.match(stderr, /'localhost:8080' is not an http or https URL: did you mean http:\/\/localhost:8080 \?/);
    assert.equal(code, 2);
    assert.equal((await run(['doctor', 'file:///etc/hosts'])).code, 2);
  });

  test('a server that is not there', async (t) => {
    const url = await page(t);
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address();
    server.close();
    assert.notEqual(new URL(url).port, String(port));
    const { code, stderr } = await run(['doctor', `http://127.0.0.1:${port}/`]);
    assert.match(stderr, /cannot be fetched: nothing listens there/);
    assert.equal(code, 1);
  });
});
