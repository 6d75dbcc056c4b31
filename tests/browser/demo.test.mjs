// The demo page in real browsers: its pictures against a plain computation, its controls, and what it says where things are missing.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { createHost, naiveMandelbrot } from '../host/helpers.mjs';
import { browsers, launch } from './launch.mjs';
import { serve } from './serve.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const load = (path) => import(pathToFileURL(`${root}www/node_modules/${path}`).href);
const { By, Key } = (await load('selenium-webdriver/index.js')).default;
const { transform } = await load('esbuild/lib/main.js');

/** The page's own palette: which colours it has is its choice, which count gets which is not. */
const { code } = await transform(readFileSync(`${root}www/demo/explorer/palette.ts`, 'utf8'), { loader: 'ts', format: 'esm' });
const { colourOf, meanOf } = await import(`data:text/javascript,${encodeURIComponent(code)}`);

const PAGE = '/pkg/demo/index.html';
const SAMPLE = `${root}tests/data/hubble_deep_field.jpg`;
const SEAHORSES = { re: -0.7453, im: 0.1127, span: 0.0075, n: 300 };
/** Where two parts of the set touch, orbits are long and hardly repeat: minutes of work. Not at the cardioid or the disc, which are known without any. */
const ENDLESS = { re: -1.3680989, im: 0, span: 3e-5, n: 2 ** 20 };
/** Where 64-bit numbers tell nothing apart. */
const DEEP = { re: '-0.101096363845622161025785', im: '0.956286510809141500771096', span: 1e-17, n: 500 };
const hashOf = ({ re, im, span, n }) => `#re=${re}&im=${im}&span=${span}&n=${n}`;

/** What the canvas must hold: the set's definition, coloured. Imaginary numbers grow upwards, and the set is its own mirror image. */
function expectedPixels({ re, im, span, n }, width, height, samples) {
  const counts = naiveMandelbrot({ width: width * samples, height: height * samples, centerX: re, centerY: -im, span, maxIterations: n });
  const colour = (x, y) => colourOf(counts[y * width * samples + x], n);
  return Uint32Array.from({ length: width * height }, (_, index) => {
    const [x, y] = [(index % width) * samples, Math.floor(index / width) * samples];
    return samples === 1 ? colour(x, y) : meanOf(colour(x, y), colour(x + 1, y), colour(x, y + 1), colour(x + 1, y + 1));
  });
}

for (const name of browsers) {
  describe(`the demo page in ${name}`, () => {
    let browser;
    let isolated;
    let plain;
    let host;

    before(async () => {
      host = await createHost();
      isolated = await serve();
      plain = await serve({ isolated: false });
      browser = await launch(name, { width: 900, height: 620, dark: true });
    });
    after(async () => {
      await browser?.close();
      await host?.close();
      await isolated?.close();
      await plain?.close();
    });

    const $ = (id) => browser.driver.findElement(By.id(id));
    const dataset = (id) => browser.run('return { ...document.getElementById(args[0]).dataset }', id);

    /** Opens the page anew: going from hash to hash alone would not load it. */
    async function open(hash = '', server = isolated) {
      await browser.driver.get('about:blank');
      await browser.driver.get(server.url + PAGE + hash);
    }

    /** Waits until an element is in a state. */
    async function until(id, state, bound = 60_000) {
      await browser.run(`
        const element = document.getElementById(args[0]);
        const end = performance.now() + args[2];
        while (element.dataset.state !== args[1]) {
          if (performance.now() > end) throw new Error('#' + args[0] + ' is ' + element.dataset.state + ', not ' + args[1] + '; messages: ' + document.getElementById('notices').textContent);
          await new Promise((resolve) => setTimeout(resolve, 10));
        }`, id, state, bound);
    }

    /** Waits for the address, which is written when the view has come to rest. */
    async function viewAtRest() {
      return browser.run(`
        const canvas = document.getElementById('picture');
        const seen = () => canvas.dataset.state + location.hash;
        for (let before = ''; before !== seen() || canvas.dataset.state !== 'done';) {
          before = seen();
          await new Promise((resolve) => setTimeout(resolve, 500));
        }
        const { re, im, span, iterations } = canvas.dataset;
        return { re: Number(re), im: Number(im), span: Number(span), n: Number(iterations), hash: location.hash, label: canvas.getAttribute('aria-label') };`);
    }

    /** The canvas's pixels, as the words of the palette. */
    async function pixels() {
      const { width, height, data } = await browser.run(`
        const canvas = document.getElementById('picture');
        const { width, height } = canvas;
        // Read from a copy that is made for reading: the page's own is made for drawing.
        const copy = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true });
        copy.drawImage(canvas, 0, 0);
        const { data } = copy.getImageData(0, 0, width, height);
        let text = '';
        for (let at = 0; at < data.length; at += 0x8000) text += String.fromCharCode(...data.subarray(at, at + 0x8000));
        return { width, height, data: btoa(text) };`);
      const bytes = new Uint8Array(Buffer.from(data, 'base64'));
      return { width, height, words: new Uint32Array(bytes.buffer) };
    }

    async function assertPicture(view, samples) {
      const { width, height, words } = await pixels();
      const expected = expectedPixels(view, width, height, samples);
      assert.equal(words.length, expected.length);
      const wrong = words.findIndex((word, index) => word !== expected[index]);
      assert.equal(wrong, -1, `pixel ${wrong % width}, ${Math.floor(wrong / width)} of ${width}×${height} is ${words[wrong]?.toString(16)}, not ${expected[wrong]?.toString(16)}`);
    }

    /** Beyond what the plain computation reaches: the counts of the kernel in Node, which are tested there. */
    async function assertDeepPicture({ re, im, span, n }) {
      const { width, height, words } = await pixels();
      const mirrored = im.startsWith('-') ? im.slice(1) : `-${im}`;
      const { counts } = await host.run('mandelbrot', { width, height, centerX: re, centerY: mirrored, span, maxIterations: n });
      const wrong = words.findIndex((word, index) => word !== colourOf(counts[index], n));
      assert.equal(wrong, -1, `pixel ${wrong % width}, ${Math.floor(wrong / width)} of ${width}×${height}`);
      assert.ok(new Set(counts).size > 20, 'there is something to see');
    }

    async function noComplaints() {
      assert.equal(await $('notices').getText(), '');
      if (name !== 'chromium') return;
      const log = await browser.driver.manage().logs().get('browser');
      assert.deepEqual(log.filter(({ level }) => level.name !== 'DEBUG' && level.name !== 'INFO').map(({ message }) => message), []);
    }

    test('the picture is the set, pixel for pixel, with four samples and with one', async () => {
      await open(hashOf(SEAHORSES));
      await until('picture', 'done');
      assert.equal((await dataset('strip')).backend, 'threads');
      await assertPicture(SEAHORSES, 2);
      await $('smooth').click();
      await until('picture', 'done');
      await assertPicture(SEAHORSES, 1);
      const { renderMs, kernelMs } = await dataset('picture');
      assert.ok(Number(renderMs) >= Number(kernelMs) && Number(kernelMs) > 0, `${renderMs} and ${kernelMs} ms`);
      await noComplaints();
    });

    test('keys zoom and move, and the picture, the address and the spoken label follow', async () => {
      await open(hashOf(SEAHORSES));
      await until('picture', 'done');
      await $('smooth').click();
      await $('picture').sendKeys('+', Key.ARROW_RIGHT, Key.ARROW_UP);
      const view = await viewAtRest();
      assert.equal(view.span, SEAHORSES.span / 2);
      assert.ok(view.re > SEAHORSES.re && view.im > SEAHORSES.im, `${view.re}, ${view.im}`);
      assert.equal(view.hash, hashOf(view));
      assert.match(view.label, /0\.00375 wide, up to 300 iterations/);
      await assertPicture(view, 1);
      await $('picture').sendKeys('0');
      const home = await viewAtRest();
      assert.equal(home.hash, '');
      assert.ok(home.span >= 3);
      await noComplaints();
    });

    test('a drag takes the point under the pointer along, and a wheel keeps it in place', async () => {
      await open(hashOf(SEAHORSES));
      await until('picture', 'done');
      await $('smooth').click();
      const canvas = await $('picture');
      const { width, ratio } = await browser.run(`const canvas = document.getElementById('picture'); return { width: canvas.width, ratio: canvas.width / canvas.getBoundingClientRect().width };`);
      await browser.driver.actions().move({ origin: canvas, x: -150, y: 20 }).press().move({ origin: canvas, x: -110, y: -10 }).release().perform();
      const dragged = await viewAtRest();
      const step = SEAHORSES.span / width;
      assert.ok(Math.abs(dragged.re - (SEAHORSES.re - 40 * ratio * step)) < step * 1.01, `re ${dragged.re}`);
      assert.ok(Math.abs(dragged.im - (SEAHORSES.im - 30 * ratio * step)) < step * 1.01, `im ${dragged.im}`);
      await assertPicture(dragged, 1);
      await browser.driver.actions().scroll(0, 0, 0, -240, canvas).perform();
      const zoomed = await viewAtRest();
      assert.ok(zoomed.span < dragged.span);
      assert.ok(Math.abs(zoomed.re - dragged.re) < step * 1.01 && Math.abs(zoomed.im - dragged.im) < step * 1.01);
      await assertPicture(zoomed, 1);
      await noComplaints();
    });

    test('a view beyond 64-bit numbers is what the kernel counts there, and goes on from digit to digit', async () => {
      await open(hashOf(SEAHORSES));
      await until('picture', 'done');
      await $('smooth').click();
      await browser.run('location.hash = args[0]', hashOf(DEEP));
      for (const keys of [[], ['+', Key.ARROW_RIGHT, Key.ARROW_UP]]) {
        if (keys.length > 0) await $('picture').sendKeys(...keys);
        await viewAtRest();
        const { re, im, span, iterations } = await dataset('picture');
        const view = { re, im, span: Number(span), n: Number(iterations) };
        // To the right and up by a part of the picture: the first digits are as they were.
        for (const [value, given] of [[re, DEEP.re], [im, DEEP.im]]) assert.ok(value.length >= 22 && value.slice(0, 18) === given.slice(0, 18) && (keys.length === 0) === given.startsWith(value.slice(0, 21)), value);
        assert.deepEqual([span, view.n], [keys.length === 0 ? '1e-17' : '5e-18', DEEP.n]);
        await assertDeepPicture(view);
      }
      assert.match(await $('view-re').getText(), /^−0\.101096363…\d{6}$/);
      await noComplaints();
    });

    test('zooming ends where the page says so', async () => {
      await open(`#re=-0.74364&im=0.13182&span=1e-300&n=50`);
      await viewAtRest();
      assert.equal((await dataset('picture')).span, '1e-290');
      assert.ok(await $('depth').isDisplayed());
      await $('picture').sendKeys('-');
      await viewAtRest();
      assert.equal(await $('depth').isDisplayed(), false);
    });

    test('an address that says nothing is home', async () => {
      for (const hash of ['#re=-0.7&im=zero&span=1', '#re=1e99999&im=0&span=1', '#re=-0.7&im=0&span=0', `#re=${'7'.repeat(3000)}&im=0&span=1`]) {
        await open(hash);
        assert.ok((await viewAtRest()).span >= 3, hash);
      }
    });

    test('Esc stops a long job: the kernel does hardly any more work', async () => {
      await open(hashOf(ENDLESS));
      await browser.run(`
        const { dataset } = document.getElementById('job');
        while (!(Number(dataset.done) > 0 && dataset.state === 'running')) await new Promise((resolve) => setTimeout(resolve, 5));`);
      await browser.driver.actions().sendKeys(Key.ESCAPE).perform();
      await until('picture', 'cancelled');
      await browser.run(`while (!document.getElementById('job').dataset.stoppedMs) await new Promise((resolve) => setTimeout(resolve, 5));`);
      const { state, cancelDone, stoppedDone, total } = await dataset('job');
      assert.equal(state, 'cancelled');
      assert.ok(Number(total) > 0 && Number(cancelDone) < Number(total));
      const more = Number(stoppedDone) - Number(cancelDone);
      assert.ok(more >= 0 && more <= Number(total) * 0.02, `${more} of ${total} units were done after the cancel`);
      assert.equal(await $('cancel').isEnabled(), false);
      // The page goes on.
      await $('picture').sendKeys('0');
      await until('picture', 'done');
      await noComplaints();
    });

    test('the main thread instead, another number of threads, and back', async () => {
      await open(hashOf(SEAHORSES));
      await until('picture', 'done');
      await $('smooth').click();
      await until('picture', 'done');
      const flip = () => browser.run(`document.getElementById('inline').click()`);
      await flip();
      await until('strip', 'ready');
      assert.equal((await dataset('strip')).backend, 'inline');
      await until('picture', 'done');
      await assertPicture(SEAHORSES, 1);
      await flip();
      await browser.run(`const threads = document.getElementById('threads'); threads.value = 1; threads.dispatchEvent(new Event('change'));`);
      await until('strip', 'ready');
      const { backend, threads } = await dataset('strip');
      assert.deepEqual({ backend, threads }, { backend: 'threads', threads: '1' });
      await until('picture', 'done');
      await assertPicture(SEAHORSES, 1);
      await noComplaints();
    });

    test('without the isolation headers it says which, and draws all the same', async () => {
      await open(hashOf(SEAHORSES), plain);
      await until('picture', 'done');
      const { backend, why } = await dataset('strip');
      assert.equal(backend, 'workers');
      assert.match(why, /Cross-Origin-Opener-Policy: same-origin/);
      assert.match(await $('why').getText(), /Cross-Origin-Embedder-Policy: require-corp/);
      assert.equal(await $('threads').isEnabled(), false);
      await assertPicture(SEAHORSES, 2);
      await noComplaints();
    });

    test('a host that cannot start is told, with its code', async () => {
      const faulty = await serve({ answer: (path, response) => path.endsWith('.wasm') && Boolean(response.writeHead(404).end()) });
      try {
        await open('', faulty);
        await until('strip', 'failed');
        const message = await $('notices').getText();
        assert.match(message, /START_FAILED/);
        assert.match(message, /loomwork\.threads\.wasm answers 404/);
        assert.equal(await $('backend').getText(), 'START_FAILED');
      } finally {
        await faulty.close();
        if (name === 'chromium') await browser.driver.manage().logs().get('browser');
      }
    });

    test('the sample photo is resized to the size asked for, in each format', async () => {
      await open('#photo');
      await $('photo-sample').click();
      await until('photo-result', 'done');
      const width = await $('photo-width');
      await width.clear();
      await width.sendKeys('300');
      for (const [format, extension] of [['jpeg', 'jpg'], ['png', 'png'], ['webp', 'webp']]) {
        await browser.run(`const format = document.getElementById('photo-format'); format.value = args[0]; format.dispatchEvent(new Event('input', { bubbles: true }));`, format);
        await until('photo-result', 'done');
        const made = await browser.run(`
          const [preview, download] = [document.getElementById('photo-preview'), document.getElementById('photo-download')];
          await preview.decode();
          return { width: preview.naturalWidth, height: preview.naturalHeight, same: preview.src === download.href, name: download.download };`);
        assert.deepEqual(made, { width: 300, height: 262, same: true, name: `hubble_deep_field-300x262.${extension}` });
        const { bytes } = await dataset('photo-result');
        assert.ok(Number(bytes) > 5000 && Number(bytes) < 300 * 262 * 4, `${format}: ${bytes} bytes`);
      }
      await noComplaints();
    });

    test('a picture that is not seen leaves the threads to others, and goes on when it is seen again', async () => {
      await open(hashOf(ENDLESS));
      await until('picture', 'drawing');
      await browser.run(`while (!(Number(document.getElementById('job').dataset.done) > 0)) await new Promise((resolve) => setTimeout(resolve, 5));`);
      await $('tab-photo').click();
      await until('picture', 'waiting');
      await $('photo-sample').click();
      await until('photo-result', 'done');
      await $('tab-explorer').click();
      await until('picture', 'drawing');
      await $('cancel').click();
      await until('picture', 'cancelled');
      await noComplaints();
    });

    test('sizes that cannot be, and files that are no photo, are told calmly', async () => {
      await open('#photo');
      await $('photo-file').sendKeys(`${root}Cargo.toml`);
      await until('photo-result', 'failed');
      assert.match(await $('notices').getText(), /BAD_PARAMS/);
      await $('photo-sample').click();
      await until('photo-result', 'done');
      assert.equal(await $('notices').getText(), '');
      const width = await $('photo-width');
      await width.clear();
      await width.sendKeys('0');
      await until('photo-result', 'failed');
      assert.match(await $('notices').getText(), /BAD_PARAMS[^]*width/);
    });

    test('a file is hashed and its bytes are sorted', async () => {
      const file = readFileSync(SAMPLE);
      await open('#numbers');
      await $('data-file').sendKeys(SAMPLE);
      await until('data-name', 'done');
      await $('hash-run').click();
      await until('hash-results', 'done');
      const digest = await browser.run(`return document.querySelector('[data-algorithm=sha256]').textContent`);
      assert.equal(digest, createHash('sha256').update(file).digest('hex'));
      assert.match(await browser.run(`return document.querySelector('[data-algorithm=blake3]').textContent`), /^[0-9a-f]{64}$/);
      await $('sort-run').click();
      await until('sort-results', 'done');
      const sorted = Array.from(file).sort((a, b) => a - b);
      const shown = await browser.run(`const list = document.querySelector('#sort-results dl'); return { ...list.dataset, text: list.textContent };`);
      assert.equal(shown.right, 'true');
      assert.equal(shown.length, String(file.length));
      assert.ok(shown.text.includes(`Last${sorted.slice(-3).join(', ')}`), shown.text);
      await noComplaints();
    });

    test('random numbers are sorted', async () => {
      await open('#numbers');
      await browser.run(`document.getElementById('data-count').value = '100000'`);
      await $('data-random').click();
      await until('data-name', 'done');
      await $('sort-run').click();
      await until('sort-results', 'done');
      const { right, length } = await browser.run(`return { ...document.querySelector('#sort-results dl').dataset }`);
      assert.deepEqual({ right, length }, { right: 'true', length: '100000' });
      await noComplaints();
    });

    test('dark as the system, light by choice, remembered', async () => {
      await open();
      const ground = () => browser.run(`return getComputedStyle(document.documentElement).backgroundColor`);
      const dark = await ground();
      const lightness = (colour) => colour.match(/\d+/g).slice(0, 3).reduce((sum, channel) => sum + Number(channel), 0);
      await browser.run(`document.documentElement.dataset.theme = 'light'`);
      const light = await ground();
      await browser.run(`delete document.documentElement.dataset.theme`);
      assert.ok(lightness(light) > 600 && lightness(dark) < 150, `${light}, ${dark}`);
      await $('theme').click();
      assert.equal(await ground(), light);
      await open();
      assert.equal(await ground(), light);
      await browser.run(`localStorage.clear()`);
    });

    test('tabs by keys, and a name for every control', async () => {
      await open();
      await until('picture', 'done');
      await $('tab-explorer').sendKeys(Key.ARROW_RIGHT);
      assert.equal(await $('panel-photo').isDisplayed(), true);
      assert.equal(await $('panel-explorer').isDisplayed(), false);
      assert.equal(await (await browser.driver.switchTo().activeElement()).getAttribute('id'), 'tab-photo');
      for (const tab of ['tab-explorer', 'tab-photo', 'tab-numbers']) {
        await $(tab).click();
        for (const control of await browser.driver.findElements(By.css('button, input, select, canvas, progress, [role=tabpanel]'))) {
          if (!(await control.isDisplayed())) continue;
          assert.notEqual(await control.getAccessibleName(), '', `${await control.getAttribute('outerHTML')} has no name`);
        }
      }
      await noComplaints();
    });

    test('nothing reaches over the edge of a screen of 360 pixels', async () => {
      await browser.driver.get(`${isolated.url}/tests/browser/blank.html`);
      const wide = await browser.run(`
        const frame = document.createElement('iframe');
        Object.assign(frame, { width: 360, height: 740, src: args[0] });
        document.body.append(frame);
        await new Promise((resolve) => frame.addEventListener('load', resolve));
        const page = frame.contentDocument;
        while (page.getElementById('picture').dataset.state !== 'done') await new Promise((resolve) => setTimeout(resolve, 20));
        const wide = [];
        for (const tab of page.querySelectorAll('[role=tab]')) {
          tab.click();
          const edge = page.documentElement.clientWidth;
          for (const element of page.querySelectorAll('body *')) {
            // Those for screen readers are cut to nothing where they are.
            if (element.checkVisibility() && !element.closest('.away') && element.getBoundingClientRect().right > edge + 0.5) wide.push(tab.id + ': ' + element.outerHTML.slice(0, 80));
          }
        }
        return wide;`, PAGE);
      assert.deepEqual(wide, []);
    });
  });
}
