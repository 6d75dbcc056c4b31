// Chaos in Chromium: as in Node, with the page's own Worker wrapped.
import { launch } from '../browser/launch.mjs';
import { serve } from '../browser/serve.mjs';

/** @param {{ seed: number, jobs: number, faults?: number, kinds?: string[] }} options */
export async function chaosInChromium({ seed, jobs, faults = 0, kinds }) {
  const server = await serve();
  const browser = await launch('chromium');
  try {
    await browser.driver.manage().setTimeouts({ script: 3_600_000 });
    await browser.driver.get(`${server.url}/tests/browser/blank.html`);
    return await browser.run(
      `
      const workers = [];
      const { Worker } = globalThis;
      globalThis.Worker = class extends Worker {
        constructor(url, settings) {
          super(url, settings);
          workers.push({ name: settings.name, ref: new WeakRef(this) });
          if (workers.length > 64) workers.splice(0, 16);
        }
      };
      const { createHost } = await import('/target/faults/browser.js');
      const { chaos } = await import('/tests/chaos/chaos.mjs');
      const kill = (kind, random) => {
        const candidates = workers.slice(-12).filter(({ name }) => name.startsWith('loomwork ' + kind)).map(({ ref }) => ref.deref()).filter(Boolean);
        Worker.prototype.terminate.call(candidates[Math.floor(random() * candidates.length)]);
        return true;
      };
      return chaos({ createHost, kill, seed: args[0], jobs: args[1], faults: args[2], ...(args[3] && { kinds: args[3] }) });
    `,
      seed, jobs, faults, kinds ?? null,
    );
  } finally {
    await browser.close();
    await server.close();
  }
}
