// Runs kernels in a real page: the browser half of the suite.
import { launch } from '../browser/launch.mjs';
import { serve } from '../browser/serve.mjs';

export class Chromium {
  #server;
  #browser;
  version;

  static async start(threads) {
    const chromium = new Chromium();
    chromium.#server = await serve();
    chromium.#browser = await launch('chromium');
    chromium.version = (await chromium.#browser.driver.getCapabilities()).get('browserVersion');
    await chromium.#browser.driver.get(`${chromium.#server.url}/tests/browser/blank.html`);
    await chromium.#browser.run(`
      const { createHost } = await import('/pkg/browser.js');
      globalThis.hosts = new Map(await Promise.all(args[0].map(async (threads) => [threads, await createHost({ threads })])));
    `, threads);
    return chromium;
  }

  /** Params without arrays. The time is taken in the page. */
  run(threads, kernel, params) {
    return this.#browser.run(`
      const begun = performance.now();
      const output = await hosts.get(args[0]).run(args[1], args[2]);
      const ms = performance.now() - begun;
      const [{ buffer }] = Object.values(output);
      const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', buffer));
      return { ms, sha256: Array.from(hash, (byte) => byte.toString(16).padStart(2, '0')).join('') };
    `, threads, kernel, params);
  }

  async close() {
    await this.#browser.close();
    await this.#server.close();
  }
}
