// The host in a page: the same cases in each browser, with and without shared memory, and every way in which a start can fail.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { endless, naiveMandelbrot, view } from '../host/helpers.mjs';
import { browsers, launch } from './launch.mjs';
import { serve } from './serve.mjs';

const PAGE = '/tests/browser/blank.html';
/** Brings the package into the page's script. */
const LOOMWORK = `const { createHost, LoomworkError, shapeOf } = await import('/pkg/browser.js');`;

for (const name of browsers) {
  describe(`the host in ${name}`, () => {
    let browser;
    let isolated;
    let plain;

    before(async () => {
      isolated = await serve();
      plain = await serve({ isolated: false });
      browser = await launch(name);
    });
    after(async () => {
      await browser?.close();
      await isolated?.close();
      await plain?.close();
    });

    test('threads on shared memory: results, parts, progress', async () => {
      await browser.driver.get(isolated.url + PAGE);
      const seen = await browser.run(`${LOOMWORK}
        const host = await createHost({ threads: 3 });
        const progress = [];
        const job = host.run('mandelbrot', args[0], { onProgress: ({ fraction }) => progress.push(fraction) });
        let pixels = 0;
        for await (const part of job) pixels += part.counts.length;
        const { counts } = await job;
        await host.close();
        return { backend: host.backend, why: host.why, threads: host.threads, counts: Array.from(counts), shape: shapeOf(counts), pixels, last: progress.at(-1) };
      `, view);
      assert.equal(seen.backend, 'threads');
      assert.equal(seen.threads, 3);
      assert.match(seen.why, /3 threads on shared memory/);
      assert.deepEqual(seen.counts, Array.from(naiveMandelbrot(view)));
      assert.deepEqual(seen.shape, [view.height, view.width]);
      assert.equal(seen.pixels, view.width * view.height);
      assert.equal(seen.last, 1);
    });

    test('an abort stops a running kernel, and the host goes on', async () => {
      await browser.driver.get(isolated.url + PAGE);
      const seen = await browser.run(`${LOOMWORK}
        const host = await createHost();
        const controller = new AbortController();
        const job = host.run('mandelbrot', args[0], { signal: controller.signal });
        while (job.progress.done === 0) await new Promise((resolve) => setTimeout(resolve, 5));
        const atAbort = job.progress;
        controller.abort(new Error('enough'));
        const reason = await job.then(() => 'it was answered', (error) => error.message);
        await job.stopped;
        const atEnd = job.progress;
        const { counts } = await host.run('mandelbrot', args[1]);
        await host.close();
        return { reason, atAbort, atEnd, counts: Array.from(counts) };
      `, { ...endless, maxIterations: 100_000 }, view);
      assert.equal(seen.reason, 'enough');
      assert.ok(seen.atAbort.total > 0);
      const more = seen.atEnd.done - seen.atAbort.done;
      assert.ok(more <= seen.atEnd.total * 0.02, `${more} of ${seen.atEnd.total} units were done after the abort`);
      assert.deepEqual(seen.counts, Array.from(naiveMandelbrot(view)));
    });

    test('the main thread goes on while every core computes', async (t) => {
      await browser.driver.get(isolated.url + PAGE);
      const gaps = await browser.run(`${LOOMWORK}
        const host = await createHost();
        const gaps = [];
        let last = performance.now();
        let running = true;
        const tick = () => {
          const now = performance.now();
          gaps.push(now - last);
          last = now;
          if (running) setTimeout(tick, 0);
        };
        tick();
        await host.run('mandelbrot', args[0]);
        running = false;
        await host.close();
        return gaps;
      `, { ...view, width: 2400, height: 1600, maxIterations: 4000 });
      gaps.sort((a, b) => a - b);
      t.diagnostic(`${gaps.length} turns of the main thread; gaps: median ${gaps[gaps.length >> 1].toFixed(1)} ms, longest ${gaps.at(-1).toFixed(1)} ms`);
      // Not a timing: a kernel on the main thread would leave a handful of turns.
      assert.ok(gaps.length > 20, `the main thread turned ${gaps.length} times`);
    });

    test('an ImageData goes in and can be drawn when it comes out', async () => {
      await browser.driver.get(isolated.url + PAGE);
      const pixel = await browser.run(`${LOOMWORK}
        const host = await createHost({ threads: 2 });
        const context = new OffscreenCanvas(8, 8).getContext('2d');
        context.fillStyle = 'rgb(10 200 30)';
        context.fillRect(0, 0, 8, 8);
        const { image } = await host.run('image.resize', { image: context.getImageData(0, 0, 8, 8), width: 4, height: 4 });
        const out = new OffscreenCanvas(4, 4).getContext('2d');
        out.putImageData(new ImageData(image.data, image.width, image.height), 0, 0);
        await host.close();
        return Array.from(out.getImageData(1, 1, 1, 1).data);
      `);
      assert.deepEqual(pixel, [10, 200, 30, 255]);
    });

    test('without the isolation headers it falls back and says why', async () => {
      await browser.driver.get(plain.url + PAGE);
      const seen = await browser.run(`${LOOMWORK}
        const host = await createHost();
        const { counts } = await host.run('mandelbrot', args[0]);
        const asked = await createHost({ backend: 'threads' }).then(() => 'it started', (error) => error.code + ' ' + error.message);
        await host.close();
        return { backend: host.backend, artifact: host.artifact, why: host.why, counts: Array.from(counts), asked };
      `, view);
      assert.equal(seen.backend, 'workers');
      assert.equal(seen.artifact, 'simd');
      assert.match(seen.why, /Cross-Origin-Opener-Policy: same-origin/);
      assert.match(seen.asked, /^UNSUPPORTED .*Cross-Origin-Embedder-Policy: require-corp/);
      assert.deepEqual(seen.counts, Array.from(naiveMandelbrot(view)));
    });

    test('bad input is a typed error', async () => {
      await browser.driver.get(isolated.url + PAGE);
      const seen = await browser.run(`${LOOMWORK}
        const host = await createHost({ threads: 2 });
        const errors = [];
        for (const [kernel, params] of [
          ['mandelbrot', { ...args[0], width: NaN }],
          ['mandelbort', args[0]],
          ['hash', { data: new Float32Array(2), algorithm: 'sha256' }],
          ['image.decode', { data: new Uint8Array([137, 80, 78, 71]) }],
          ['hash', { data: document.body, algorithm: 'sha256' }],
        ]) {
          const error = await host.run(kernel, params).then(() => 'accepted', (reason) => reason);
          errors.push([error instanceof LoomworkError, error.code, error.field ?? null]);
        }
        await host.close();
        return errors;
      `, view);
      assert.deepEqual(seen, [
        [true, 'BAD_PARAMS', 'width'], [true, 'UNKNOWN_KERNEL', null], [true, 'BAD_PARAMS', 'data'], [true, 'BAD_PARAMS', 'data'], [true, 'BAD_PARAMS', 'data'],
      ]);
    });

    const html = (response) => response.writeHead(200, { 'Content-Type': 'text/html' }).end('<!doctype html><title>the app</title>');
    const failures = [
      ['a worker that is not there', { answer: (path, response) => path.endsWith('/worker.js') && Boolean(response.writeHead(404).end()) }, /worker\.js answers 404/],
      ['a page in place of the worker', { answer: (path, response) => path.endsWith('/worker.js') && Boolean(html(response)) }, /worker\.js has the MIME type text\/html/],
      ['a wasm file that is not there', { answer: (path, response) => path.endsWith('.wasm') && Boolean(response.writeHead(404).end()) }, /loomwork\.threads\.wasm answers 404/],
      ['a page in place of the wasm file', { answer: (path, response) => path.endsWith('.wasm') && Boolean(html(response)) }, /not wasm .*text\/html/],
      ['a policy that forbids workers', { answer: (path, response) => Boolean(path.endsWith('.html') && response.setHeader('Content-Security-Policy', "worker-src 'none'") && false) }, /Content-Security-Policy/],
    ];
    for (const [what, options, message] of failures) {
      test(`${what} is START_FAILED, not a hang`, { timeout: 60_000 }, async () => {
        const faulty = await serve(options);
        try {
          await browser.driver.get(faulty.url + PAGE);
          const seen = await browser.run(`${LOOMWORK}
            return createHost({ startTimeout: 20000 }).then(() => 'it started', (error) => error.code + ': ' + error.message);
          `);
          assert.match(seen, /^START_FAILED: /);
          assert.match(seen, message);
        } finally {
          await faulty.close();
        }
      });
    }

    test('a wasm file of the wrong MIME type works all the same', async () => {
      const { readFileSync } = await import('node:fs');
      const odd = await serve({
        answer: (path, response) => path.endsWith('.wasm') && Boolean(response.writeHead(200, { 'Content-Type': 'application/octet-stream' }).end(readFileSync(new URL(`../..${path}`, import.meta.url)))),
      });
      await browser.driver.get(odd.url + PAGE);
      assert.equal(await browser.run(`${LOOMWORK} const host = await createHost({ threads: 2 }); await host.close(); return host.backend;`), 'threads');
      await odd.close();
    });

    test('hosts can be opened and closed again and again', { timeout: 120_000 }, async () => {
      await browser.driver.get(isolated.url + PAGE);
      const answers = await browser.run(`${LOOMWORK}
        let right = 0;
        for (let round = 0; round < 10; round += 1) {
          const host = await createHost({ threads: 2, maxMemory: 2 ** 28 });
          const { hex } = await host.run('hash', { data: new TextEncoder().encode('abc'), algorithm: 'sha256' });
          if (hex === 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad') right += 1;
          await host.close();
        }
        return right;
      `);
      assert.equal(answers, 10);
    });
  });
}
