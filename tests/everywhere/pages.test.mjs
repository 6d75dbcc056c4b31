// Pages as they are on real sites, in each browser: under a strict Content-Security-Policy, with the package on another origin, and on a
// static host that sends no headers of its own.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { launch } from '../browser/launch.mjs';
import { serve } from '../browser/serve.mjs';

const PAGE = '/tests/browser/blank.html';
const ABC = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';
/** Opens a host with the package at a URL; tells the backend and a hash, or the error. */
const HASH = `
  const { createHost } = await import(args[0]);
  try {
    const host = await createHost({ threads: 2, startTimeout: 15000, ...args[1] });
    const { hex } = await host.run('hash', { data: new TextEncoder().encode('abc'), algorithm: 'sha256' });
    await host.close();
    return { backend: host.backend, hex };
  } catch (error) {
    return { code: error.code, message: error.message };
  }`;

/** What the README says that a strict policy needs. */
const STRICT = { 'default-src': "'none'", 'script-src': "'self' 'wasm-unsafe-eval'", 'connect-src': "'self'" };
const policyOf = (directives) => Object.entries(directives).map(([name, value]) => `${name} ${value}`).join('; ');

/** Sends a header with everything, as servers do. */
const withHeaders = (headers) => (path, response) => {
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  return false;
};

for (const name of ['chromium', 'firefox', 'webkit']) {
  describe(name, () => {
    let browser;
    before(async () => {
      browser = await launch(name);
    });
    after(() => browser?.close());

    async function withPolicy(directives, options) {
      const server = await serve({ answer: withHeaders({ 'Content-Security-Policy': policyOf(directives) }) });
      try {
        await browser.driver.get(server.url + PAGE);
        return await browser.run(HASH, `${server.url}/pkg/browser.js`, options);
      } finally {
        await server.close();
      }
    }

    for (const backend of ['threads', 'workers', 'inline']) {
      test(`the strict policy of the README is enough (${backend})`, { timeout: 60_000 }, async () => {
        assert.deepEqual(await withPolicy(STRICT, { backend }), { backend, hex: ABC });
      });
    }

    const lacking = [
      ["script-src without 'wasm-unsafe-eval'", { ...STRICT, 'script-src': "'self'" }, /unsafe-eval/],
      ['no connect-src', { 'default-src': STRICT['default-src'], 'script-src': STRICT['script-src'] }, /loomwork\.threads\.wasm cannot be fetched/],
      ["worker-src 'none'", { ...STRICT, 'worker-src': "'none'" }, /Content-Security-Policy/],
    ];
    for (const [what, directives, message] of lacking) {
      test(`less is not enough, and is told: ${what}`, { timeout: 60_000 }, async () => {
        const { code, message: told } = await withPolicy(directives, {});
        assert.equal(code, 'START_FAILED', told);
        assert.match(told, message);
      });
    }

    test('from another origin, with a policy and without', { timeout: 60_000 }, async () => {
      const open = { 'Access-Control-Allow-Origin': '*', 'Cross-Origin-Resource-Policy': 'cross-origin' };
      const cdn = await serve({ isolated: false, answer: withHeaders(open) });
      const policy = { 'default-src': "'none'", 'script-src': `${cdn.url} 'wasm-unsafe-eval'`, 'worker-src': 'blob:', 'connect-src': cdn.url };
      const free = await serve();
      const strict = await serve({ answer: withHeaders({ 'Content-Security-Policy': policyOf(policy) }) });
      try {
        for (const { url } of [free, strict]) {
          for (const backend of ['threads', 'workers', 'inline']) {
            await browser.driver.get(url + PAGE);
            assert.deepEqual(await browser.run(HASH, `${cdn.url}/pkg/browser.js`, { backend }), { backend, hex: ABC });
          }
        }
        const { message } = await browser.run(HASH, `${cdn.url}/pkg/browser.js`, { assets: { worker: `${cdn.url}/nowhere.js` } });
        assert.match(message, /nowhere\.js answers 404/);
      } finally {
        await Promise.all([cdn, free, strict].map((server) => server.close()));
      }
    });

    test('on a static host, isolation.js isolates the page', { timeout: 60_000 }, async () => {
      const files = {
        '/': ['text/html', '<!doctype html><script src="isolation.js"></script><title>static</title>'],
        '/isolation.js': ['text/javascript', readFileSync(new URL('../../pkg/isolation.js', import.meta.url))],
      };
      const server = await serve({
        isolated: false,
        answer(path, response) {
          if (!files[path]) return false;
          const [type, body] = files[path];
          response.writeHead(200, { 'Content-Type': type }).end(body);
          return true;
        },
      });
      try {
        await browser.driver.get(`${server.url}/`);
        const ready = () => browser.driver.executeScript('return document.readyState === "complete" && crossOriginIsolated');
        await browser.driver.wait(ready, 20_000);
        assert.deepEqual(await browser.run(HASH, `${server.url}/pkg/browser.js`, {}), { backend: 'threads', hex: ABC });
      } finally {
        await server.close();
      }
    });
  });
}
