// Chaos in Chromium: as in Node, with the page's own Worker wrapped.
import { launch } from '../browser/launch.mjs';
import { serve } from '../browser/serve.mjs';

/** How often the page is asked how far it is. */
const ASK_MS = 1000;

/** @param {{ seed: number, jobs: number, faults?: number, kinds?: string[], log?: (line: string) => void }} options */
export async function chaosInChromium({ seed, jobs, faults = 0, kinds, log = () => {} }) {
  const server = await serve();
  const browser = await launch('chromium');
  try {
    await browser.driver.get(`${server.url}/tests/browser/blank.html`);
    await browser.run(
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
      globalThis.lines = [];
      const log = (line) => lines.push(line);
      globalThis.report = undefined;
      chaos({ createHost, kill, log, seed: args[0], jobs: args[1], faults: args[2], ...(args[3] && { kinds: args[3] }) }).then(
        (done) => { globalThis.report = { done }; },
        (error) => { globalThis.report = { failed: String(error.stack || error) }; },
      );
    `,
      seed, jobs, faults, kinds ?? null,
    );
    for (;;) {
      const { lines, report } = await browser.run('return { lines: globalThis.lines.splice(0), report: globalThis.report };');
      for (const line of lines) log(line);
      if (report?.failed) throw new Error(`in chromium: ${report.failed}`);
      if (report) return report.done;
      await new Promise((resolve) => setTimeout(resolve, ASK_MS));
    }
  } finally {
    await browser.close();
    await server.close();
  }
}
