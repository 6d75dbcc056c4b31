// The cases in a browser, through its driver: in pages with and without shared memory, and from each kind of worker as the caller.
import { launch } from '../browser/launch.mjs';
import { serve } from '../browser/serve.mjs';

/** A browser may take so long for all cases of a row; one that hangs says so itself much earlier. */
const ROW_MS = 180_000;

/**
 * @param {import('./places.mjs').Row[]} rows of one browser, started one way
 * @param {(row: object, line: object) => void} report
 */
export async function runInBrowser(name, options, rows, report) {
  const isolated = await serve();
  const plain = await serve({ isolated: false });
  const browser = await launch(name, options);
  try {
    await browser.driver.manage().setTimeouts({ script: ROW_MS });
    const { browserVersion } = Object.fromEntries([...(await browser.driver.getCapabilities()).map_]);
    for (const row of rows) {
      await browser.driver.get(`${(row.plain ? plain : isolated).url}/tests/browser/blank.html`);
      const lines = await browser.run(`const { run } = await import('/tests/everywhere/caller-page.mjs'); return run(args[0], args[1]);`, row.caller, { backend: row.backend, auto: row.auto });
      for (const line of lines) report({ ...row, version: browserVersion }, line);
    }
  } finally {
    await browser.close();
    await isolated.close();
    await plain.close();
  }
}
