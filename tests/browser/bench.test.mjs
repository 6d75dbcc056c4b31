// The page that measures a browser, in real browsers, on small inputs: that it measures, shows and hands over what it found; not how fast anything is.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { browsers, launch } from './launch.mjs';
import { serve } from './serve.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const { By, Key } = (await import(pathToFileURL(`${root}www/node_modules/selenium-webdriver/index.js`).href)).default;

const PAGE = '/pkg/demo/bench/';

for (const name of browsers) {
  describe(`the benchmark page in ${name}`, () => {
    let browser;
    let isolated;
    let plain;

    before(async () => {
      isolated = await serve();
      plain = await serve({ isolated: false });
      browser = await launch(name, { width: 900, height: 700, dark: true });
    });
    after(async () => {
      await browser?.close();
      await isolated?.close();
      await plain?.close();
    });

    const $ = (id) => browser.driver.findElement(By.id(id));

    async function open(query, server = isolated) {
      await browser.driver.get(`${server.url}${PAGE}${query}`);
      await until('idle');
    }

    async function until(state) {
      await browser.run(`
        const page = document.getElementById('bench');
        const end = performance.now() + 60_000;
        while (page.dataset.state !== args[0]) {
          if (performance.now() > end) throw new Error('it is ' + page.dataset.state + ', not ' + args[0] + ': ' + document.getElementById('status').textContent);
          await new Promise((resolve) => setTimeout(resolve, 20));
        }`, state);
    }

    /** Marks the cases whose names have one of these texts in them. */
    const choose = (...texts) => browser.run(`
      for (const box of document.querySelectorAll('#boxes input')) box.checked = args.some((text) => box.value.includes(text));
      return [...document.querySelectorAll('#boxes input:checked')].map(({ value }) => value);`, ...texts);

    const reported = async () => JSON.parse(await browser.run(`return document.getElementById('json').value`));

    async function noComplaints() {
      if (name !== 'chromium') return;
      const log = await browser.driver.manage().logs().get('browser');
      assert.deepEqual(log.filter(({ level }) => level.name !== 'DEBUG' && level.name !== 'INFO').map(({ message }) => message), []);
    }

    test('measures kernels by threads beside plain JavaScript, and gives the report', async () => {
      await open('?quick');
      // The first mandelbrot: of the deep one JavaScript has no plain version.
      const chosen = await choose('1000 iterations', 'sort', 'image.decode');
      await $('start').click();
      await until('done');
      const { machine, runtime, rows, left } = await reported();
      assert.equal(left, undefined);
      assert.deepEqual([...new Set(rows.map((row) => row.case))], chosen);
      const cores = await browser.run('return navigator.hardwareConcurrency');
      assert.equal(machine.cores, cores);
      assert.match(runtime, name === 'chromium' ? /^Chrome \d+$/ : /^Firefox \d+$/);
      for (const row of rows) {
        assert.deepEqual(Object.keys(row), ['suite', 'case', 'impl', 'kind', 'threads', 'unit', 'median', 'min', 'max', 'runs']);
        assert.ok(row.min <= row.median && row.median <= row.max, JSON.stringify(row));
      }
      for (const item of chosen) {
        const ours = rows.filter((row) => row.case === item && row.impl === 'loomwork').map(({ threads }) => threads);
        assert.equal(ours[0], 1);
        assert.equal(ours.at(-1), cores);
        const theirs = rows.filter((row) => row.case === item && row.impl === 'js');
        assert.equal(theirs.length, item.startsWith('image.decode') ? 0 : 1, item);
      }
      assert.equal((await browser.driver.findElements(By.css('#cases article'))).length, chosen.length);
      const links = await browser.run(`return ['download-json', 'download-html'].map((id) => { const link = document.getElementById(id); return [link.download, link.protocol]; })`);
      assert.match(links[0][0], /^loomwork-bench-\d{4}-\d\d-\d\d\.json$/);
      assert.ok(links.every(([, protocol]) => protocol === 'blob:'));
      await noComplaints();
    });

    test('Esc cancels, and it measures again', async () => {
      await open('?quick');
      await browser.run(`document.getElementById('size').value = 'light'; document.getElementById('size').dispatchEvent(new Event('change')); document.getElementById('runs').value = 99;`);
      const [first] = await choose('image.decode', 'nbody');
      await $('start').click();
      await until('running');
      await browser.driver.actions().sendKeys(Key.ESCAPE).perform();
      await until('cancelled');
      assert.equal(await $('start').isEnabled(), true);
      assert.equal(await $('cancel').isEnabled(), false);
      await browser.run(`document.getElementById('runs').value = 1;`);
      await choose(first);
      await $('start').click();
      await until('done');
      assert.deepEqual([...new Set((await reported()).rows.map((row) => row.case))], [first]);
      await noComplaints();
    });

    test('by keys alone: nothing chosen is told, and the focus goes to what can be done', async () => {
      await open('?quick');
      await $('none').sendKeys(Key.ENTER);
      await $('start').sendKeys(Key.ENTER);
      await until('idle');
      assert.equal(await $('status').getText(), 'Choose one case at least.');
      await choose('hash blake3');
      await $('start').sendKeys(Key.ENTER);
      await until('done');
      assert.equal(await browser.run('return document.activeElement.id'), 'start');
    });

    test('without the isolation headers it measures workers, and says what is missing', async () => {
      await open('?quick', plain);
      assert.equal(await browser.run(`return document.getElementById('bench').dataset.backend`), 'workers');
      assert.match(await $('why').getText(), /Cross-Origin-Opener-Policy: same-origin/);
      await choose('sort', 'mandelbrot');
      await $('start').click();
      await until('done');
      assert.ok((await reported()).rows.length > 0);
      await noComplaints();
    });

    test('a name for every control, and nothing reaches over the edge of a screen of 360 pixels', async () => {
      await open('?quick');
      await choose('hash sha256', 'matmul f32');
      await $('start').click();
      await until('done');
      for (const control of await browser.driver.findElements(By.css('button, input, select, progress, textarea, a'))) {
        if (await control.isDisplayed()) assert.notEqual(await control.getAccessibleName(), '', `${await control.getAttribute('outerHTML')} has no name`);
      }
      await browser.driver.get(`${isolated.url}/tests/browser/blank.html`);
      const wide = await browser.run(`
        const frame = document.createElement('iframe');
        Object.assign(frame, { width: 360, height: 740, src: args[0] });
        document.body.append(frame);
        await new Promise((resolve) => frame.addEventListener('load', resolve));
        const page = frame.contentDocument;
        const until = async (state) => { while (page.getElementById('bench').dataset.state !== state) await new Promise((resolve) => setTimeout(resolve, 20)); };
        await until('idle');
        page.querySelectorAll('#boxes input').forEach((box) => (box.checked = /hash sha256|matmul f32/.test(box.value)));
        page.getElementById('start').click();
        await until('done');
        const edge = page.documentElement.clientWidth;
        return [...page.querySelectorAll('body *')]
          .filter((element) => element.checkVisibility() && !element.closest('.away') && element.getBoundingClientRect().right > edge + 0.5)
          .map((element) => element.outerHTML.slice(0, 80));`, `${PAGE}?quick`);
      assert.deepEqual(wide, []);
    });

    test('the demo leads to it, and it leads back', async () => {
      await browser.driver.get(`${isolated.url}/pkg/demo/index.html`);
      await browser.driver.findElement(By.css('a[href="bench/"]')).click();
      await until('idle');
      assert.equal(await browser.run('return new URL(document.querySelector(".top a").href).pathname'), '/pkg/demo/');
    });
  });
}
