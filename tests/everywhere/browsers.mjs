// The cases in a browser, through its driver: in pages with and without shared memory, and from each kind of worker as the caller.
import { launch } from '../browser/launch.mjs';
import { serve } from '../browser/serve.mjs';

/** A browser may take so long for all cases of a row; a case that hangs says so itself much earlier. */
const ROW_MS = 300_000;

/**
 * @param {{ name: string, options: object, rows: import('./places.mjs').Row[] }} browser
 * @param {(row: object, lines: object[], error?: Error) => void} report
 */
export async function runInBrowser({ name, options, rows }, report) {
  const isolated = await serve();
  const plain = await serve({ isolated: false });
  try {
    // A browser of its own for each: what a row leaves behind, wasm that never ends, must not slow down the next.
    for (const row of rows) {
      const browser = await launch(name, options);
      try {
        await browser.driver.manage().setTimeouts({ script: ROW_MS });
        await browser.driver.get(`${(row.plain ? plain : isolated).url}/tests/browser/blank.html`);
        const lines = await browser.run(
          `const { run } = await import('/tests/everywhere/caller-page.mjs'); return run(args[0], args[1]);`,
          row.caller, { backend: row.backend, auto: row.auto },
        );
        report(row, lines);
      } catch (error) {
        report(row, [], error);
      } finally {
        await browser.close();
      }
    }
  } finally {
    await isolated.close();
    await plain.close();
  }
}
