// The demo page in real browsers: what a visitor does, and that the picture is right.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { naiveMandelbrot } from '../host/helpers.mjs';
import { browsers, launch } from './launch.mjs';
import { serve } from './serve.mjs';

const root = new URL('../../', import.meta.url);
const dir = fileURLToPath(new URL('pkg/demo/', root));
const { transformSync } = (await import(pathToFileURL(fileURLToPath(new URL('www/node_modules/esbuild/lib/main.js', root))).href)).default;

/** The page's own colours, from its source. */
const { code } = transformSync(readFileSync(new URL('www/demo/palette.ts', root), 'utf8'), { loader: 'ts' });
const { paletteOf } = await import(`data:text/javascript;base64,${Buffer.from(code).toString('base64')}`);

/** Waits in the page until a condition holds; 30 s at most. */
const UNTIL = `
  const until = async (what, condition) => {
    const end = performance.now() + 30000;
    while (!condition()) {
      if (performance.now() > end) throw new Error('waited in vain until ' + what);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  };
  const element = (id) => document.getElementById(id);
  const rendered = () => until('the view is rendered', () => element('panel-explorer').dataset.state === 'done');
`;

for (const name of browsers) {
  describe(`the demo page in ${name}`, () => {
    let browser;
    let isolated;
    let plain;
    before(async () => {
      isolated = await serve({ dir });
      plain = await serve({ dir, isolated: false });
      browser = await launch(name, { width: 900, height: 760 });
    });
    after(async () => {
      await browser?.close();
      await isolated?.close();
      await plain?.close();
    });

    const open = async (url, hash = '') => {
      await browser.driver.get('about:blank');
      await browser.driver.get(`${url}/${hash}`);
      await browser.run(`${UNTIL} await rendered();`);
    };

    /** The canvas, its view and its pixels as colours. */
    const picture = () => browser.run(`${UNTIL}
      await rendered();
      const canvas = element('canvas');
      const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
      return {
        width: canvas.width, height: canvas.height, pixels: Array.from(new Uint32Array(data.buffer)),
        view: element('panel-explorer').dataset.view, iterations: Number(element('panel-explorer').dataset.iterations),
      };
    `);

    /** The picture that the definition gives for a view. */
    const expected = ({ width, height, view, iterations }) => {
      const [centerX, centerY, span] = view.slice(1).split(',').map(Number);
      const counts = naiveMandelbrot({ width, height, centerX, centerY, span, maxIterations: iterations });
      const palette = paletteOf(iterations);
      // The page shows the imaginary axis upwards.
      return Array.from({ length: width * height }, (_, at) => palette[counts[(height - 1 - Math.floor(at / width)) * width + (at % width)]]);
    };

    const check = (seen) => {
      const wanted = expected(seen);
      const wrong = seen.pixels.filter((pixel, at) => pixel !== wanted[at]).length;
      assert.equal(wrong, 0, `${wrong} of ${wanted.length} pixels differ at ${seen.view}`);
    };

    test('the explorer renders, on threads, and every pixel is right', async () => {
      await open(isolated.url);
      assert.equal(await browser.run(`return document.getElementById('backend').textContent;`), 'threads');
      const seen = await picture();
      assert.ok(seen.width > 300 && seen.height > 200);
      check(seen);
    });

    test('a view in the address is shown, and every pixel is right', async () => {
      await open(isolated.url, '#-0.7453,0.1127,0.0065');
      const seen = await picture();
      assert.equal(seen.view, '#-0.7453,0.1127,0.0065');
      check(seen);
    });

    test('keys, wheel, buttons and drag move the view, and the picture follows', async () => {
      await open(isolated.url);
      const views = await browser.run(`${UNTIL}
        const canvas = element('canvas');
        const views = [element('panel-explorer').dataset.view];
        const act = async (what) => {
          what();
          await until('the view changes', () => element('panel-explorer').dataset.view !== views.at(-1));
          views.push(element('panel-explorer').dataset.view);
          await rendered();
        };
        const key = (key) => canvas.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true }));
        const box = canvas.getBoundingClientRect();
        const at = (x, y) => ({ clientX: box.left + x * box.width, clientY: box.top + y * box.height, bubbles: true, cancelable: true });
        await act(() => key('+'));
        await act(() => key('ArrowLeft'));
        await act(() => canvas.dispatchEvent(new WheelEvent('wheel', { deltaY: -200, ...at(0.3, 0.4) })));
        await act(() => element('zoom-out').click());
        return views;
      `);
      const spans = views.map((view) => Number(view.split(',')[2]));
      assert.ok(spans[1] < spans[0] && spans[2] === spans[1] && spans[3] < spans[2] && spans[4] > spans[3], views.join(' '));
      check(await picture());

      // A drag by the real pointer: what was under it goes with it.
      const before = await picture();
      const canvas = await browser.driver.findElement({ id: 'canvas' });
      await browser.driver.actions().move({ origin: canvas }).press().move({ origin: canvas, x: 60, y: 30 }).release().perform();
      const after = await browser.run(`${UNTIL} await until('the view moves', () => element('panel-explorer').dataset.view !== args[0]); await rendered(); return true;`, before.view)
        .then(picture);
      const [x0, y0, span] = before.view.slice(1).split(',').map(Number);
      const [x1, y1] = after.view.slice(1).split(',').map(Number);
      const pixel = span / before.width;
      assert.ok(Math.abs((x0 - x1) / pixel - 60) < 1.5 && Math.abs((y1 - y0) / pixel - 30) < 1.5, `${before.view} to ${after.view}`);
      check(after);
      await browser.run(`document.getElementById('canvas').dispatchEvent(new KeyboardEvent('keydown', { key: '0', cancelable: true }));`);
      check(await picture());
    });

    test('cancel stops the work, measured in work', async () => {
      await open(isolated.url);
      const seen = await browser.run(`${UNTIL}
        location.hash = '#-0.743643887037151,0.13182590420533,0.000005';
        element('iterations-auto').checked = false;
        element('iterations').value = '16';
        element('iterations').dispatchEvent(new Event('input'));
        const job = element('job');
        await until('a long job is under way', () => job.dataset.state === 'running' && Number(job.dataset.done) > 0);
        delete job.dataset.stoppedAt;
        element('cancel').click();
        await until('it has stopped', () => job.dataset.stoppedAt !== undefined && job.dataset.state !== 'running');
        return { ...job.dataset, explorer: element('panel-explorer').dataset.state };
      `);
      const [at, stopped, total] = [seen.cancelledAt, seen.stoppedAt, seen.total].map(Number);
      assert.equal(seen.state, 'cancelled');
      assert.ok(total > 0 && stopped < total, `${stopped} of ${total}`);
      assert.ok(stopped - at <= total * 0.05, `${stopped - at} of ${total} units were done after the cancel`);
    });

    test('the threads slider starts another host, and the switch moves the work to the main thread', async () => {
      await open(isolated.url);
      const seen = await browser.run(`${UNTIL}
        const threads = element('threads');
        threads.value = '1';
        threads.dispatchEvent(new Event('change'));
        await until('there is one thread', () => element('why').textContent.startsWith('1 thread '));
        await rendered();
        const seen = [element('backend').textContent];
        element('inline').click();
        await until('the backend is inline', () => element('backend').textContent === 'inline');
        await rendered();
        seen.push(element('backend').textContent);
        element('inline').click();
        await until('the backend is threads', () => element('backend').textContent === 'threads');
        await rendered();
        seen.push(element('backend').textContent);
        return seen;
      `);
      assert.deepEqual(seen, ['threads', 'inline', 'threads']);
      check(await picture());
    });

    test('the sample photo is resized and offered for download', async () => {
      await open(isolated.url);
      const seen = await browser.run(`${UNTIL}
        element('tab-photo').click();
        element('photo-sample').click();
        await until('the photo is done', () => element('photo-result').dataset.state === 'done');
        element('photo-width').value = '321';
        element('photo-width').dispatchEvent(new Event('input'));
        element('photo-format').value = 'webp';
        element('photo-format').dispatchEvent(new Event('change'));
        element('photo-go').click();
        await until('the new size is there', () => element('photo-canvas').width === 321 && element('photo-result').dataset.state === 'done');
        const link = element('photo-download');
        const image = new Image();
        image.src = link.href;
        await image.decode();
        return { name: link.download, width: image.naturalWidth, height: image.naturalHeight, notice: element('notice').hidden };
      `);
      assert.deepEqual(seen, { name: 'hubble_deep_field-321x280.webp', width: 321, height: 280, notice: true });
    });

    test('numbers are sorted and hashed', async () => {
      await open(isolated.url);
      const rows = await browser.run(`${UNTIL}
        element('tab-numbers').click();
        element('numbers-count').value = '1000000';
        element('numbers-sort').click();
        await until('the numbers are sorted', () => element('numbers-result').dataset.state === 'done');
        const sorted = element('numbers-table').textContent;
        element('numbers-hash').click();
        await until('the numbers are hashed', () => element('numbers-table').textContent.includes('BLAKE3'));
        return [sorted, element('numbers-table').textContent];
      `);
      assert.match(rows[0], /1,000,000 × Float64Array.*every neighbour is in order/s);
      assert.match(rows[1], /SHA-256[0-9a-f]{64}.*BLAKE3[0-9a-f]{64}/s);
    });

    test('bad input is told on the page, with its code', async () => {
      await open(isolated.url);
      const text = await browser.run(`${UNTIL}
        element('tab-photo').click();
        const drop = new DataTransfer();
        drop.items.add(new File([new Uint8Array([137, 80, 78, 71, 13, 10, 26, 10])], 'broken.png', { type: 'image/png' }));
        element('panel-photo').dispatchEvent(new DragEvent('drop', { dataTransfer: drop, bubbles: true, cancelable: true }));
        await until('the notice is shown', () => !element('notice').hidden);
        return element('notice').textContent;
      `);
      assert.match(text, /BAD_PARAMS\s+data: /);
    });

    test('dark and light look different, and the choice lasts', async () => {
      await open(isolated.url);
      const colours = await browser.run(`
        const ground = () => getComputedStyle(document.body).backgroundColor;
        const first = ground();
        document.getElementById('theme').click();
        return [first, ground()];
      `);
      assert.notEqual(colours[0], colours[1]);
      await open(isolated.url);
      assert.equal(await browser.run(`return getComputedStyle(document.body).backgroundColor;`), colours[1]);
      await browser.run(`localStorage.clear();`);
    });

    test('nothing is wider than a narrow screen', async () => {
      await browser.driver.manage().window().setRect({ width: 500, height: 800 });
      await open(isolated.url);
      for (const tab of ['explorer', 'photo', 'numbers']) {
        const [wide, page] = await browser.run(`document.getElementById('tab-' + args[0]).click(); return [document.documentElement.scrollWidth, innerWidth];`, tab);
        assert.ok(wide <= page, `${tab}: ${wide} of ${page}`);
      }
      await browser.driver.manage().window().setRect({ width: 900, height: 760 });
    });

    test('without the isolation headers the page says why, and works', async () => {
      await open(plain.url);
      const seen = await browser.run(`return [document.getElementById('backend').textContent, document.getElementById('why').textContent];`);
      assert.equal(seen[0], 'workers');
      assert.match(seen[1], /Cross-Origin-Opener-Policy/);
      check(await picture());
    });

    // Only Chromium's driver gives the console.
    if (name === 'chromium') test('the console stays empty', async () => {
      await browser.driver.manage().logs().get('browser');
      await open(isolated.url);
      const entries = await browser.driver.manage().logs().get('browser');
      assert.deepEqual(entries.map(({ message }) => message), []);
    });
  });
}
