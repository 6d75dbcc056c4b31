// Jobs stop when told: by signal, by cancel, by timeout; and so does a host.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { createHost, endless, naiveMandelbrot, view } from './helpers.mjs';

/** Waits until a job has done some of its work, for at most 20 s. */
async function underway(job) {
  const until = Date.now() + 20_000;
  while (job.state === 'queued' || job.progress.total === 0) {
    assert.ok(Date.now() < until, `the job is still ${job.state}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

for (const backend of ['threads', 'workers']) {
  test(`a signal stops a running kernel, and the host goes on (${backend})`, { timeout: 60_000 }, async (t) => {
    const host = await createHost({ backend });
    t.after(() => host.close());
    const controller = new AbortController();
    const job = host.run('mandelbrot', endless, { signal: controller.signal });
    await underway(job);
    const reason = new Error('enough');
    const { done } = job.progress;
    controller.abort(reason);
    await assert.rejects(job, reason);
    assert.equal(job.state, 'cancelled');
    await job.stopped;
    // It has stopped for good, and almost at once: it got nowhere in the work that was left.
    assert.ok(job.progress.done - done <= job.progress.total * 0.01, `${done} units at the abort, ${job.progress.done} at the end, of ${job.progress.total}`);
    assert.deepEqual((await host.run('mandelbrot', view)).counts, naiveMandelbrot(view));
  });
}

test('an output of many megabytes is not copied to the end for a job that is cancelled', { timeout: 60_000 }, async (t) => {
  const host = await createHost({ threads: 2 });
  t.after(() => host.close());
  const data = Float64Array.from({ length: 8_000_000 }, (_, index) => (index * 48271) % 99991);
  // Now and then a copy is done before it is looked at.
  let cancelled = 0;
  for (let round = 0; round < 40 && cancelled < 3; round += 1) {
    const job = host.run('sort', { data });
    const until = Date.now() + 20_000;
    // The kernel is done, the copy is not.
    while (job.state !== 'done' && job.progress.fraction < 1) {
      assert.ok(Date.now() < until, `still ${job.state}`);
      await new Promise((resolve) => setImmediate(resolve));
    }
    job.cancel();
    await job.catch((error) => {
      assert.equal(error.name, 'AbortError');
      cancelled += 1;
    });
    await job.stopped;
  }
  assert.equal(cancelled, 3);
  const { data: sorted } = await host.run('sort', { data });
  assert.ok(sorted.every((value, index) => index === 0 || sorted[index - 1] <= value));
  // Whoever was told that a kernel had stopped may have been told before its output was dropped; by now it is.
  const { running, cancelled: counted } = host.stats();
  assert.deepEqual({ running, counted }, { running: 0, counted: 3 });
});

test('cancelling one job leaves its neighbours alone', { timeout: 60_000 }, async (t) => {
  const host = await createHost();
  t.after(() => host.close());
  const doomed = host.run('mandelbrot', endless);
  const neighbours = Array.from({ length: 10 }, () => host.run('mandelbrot', view));
  await underway(doomed);
  doomed.cancel();
  await assert.rejects(doomed, { name: 'AbortError' });
  const expected = naiveMandelbrot(view);
  for (const { counts } of await Promise.all(neighbours)) assert.deepEqual(counts, expected);
});

test('a signal that is aborted already, and one that aborts a waiting job', { timeout: 60_000 }, async (t) => {
  const host = await createHost({ backend: 'workers' });
  t.after(() => host.close());
  await assert.rejects(host.run('mandelbrot', view, { signal: AbortSignal.abort('no') }), (reason) => reason === 'no');
  const first = host.run('mandelbrot', endless);
  const controller = new AbortController();
  const second = host.run('mandelbrot', view, { signal: controller.signal });
  assert.equal(second.state, 'queued');
  controller.abort();
  await assert.rejects(second, { name: 'AbortError' });
  await second.stopped;
  first.cancel();
  await assert.rejects(first, { name: 'AbortError' });
});

test('a timeout is a TimeoutError', { timeout: 60_000 }, async (t) => {
  const host = await createHost();
  t.after(() => host.close());
  await assert.rejects(host.run('mandelbrot', endless, { timeout: 50 }), { name: 'TimeoutError', message: /50 ms/ });
  const strict = await createHost({ timeout: 60 });
  t.after(() => strict.close());
  await assert.rejects(strict.run('mandelbrot', endless), { name: 'TimeoutError', message: /60 ms/ });
});

test('whoever iterates a job that is cancelled hears of it', { timeout: 60_000 }, async (t) => {
  const host = await createHost();
  t.after(() => host.close());
  const job = host.run('mandelbrot', { ...endless, maxIterations: 2000 });
  await assert.rejects(async () => {
    for await (const part of job) {
      assert.ok(part.counts.length > 0);
      job.cancel('seen enough');
    }
  }, (reason) => reason === 'seen enough');
});

test('closing waits for the jobs, then takes no more', { timeout: 60_000 }, async () => {
  const host = await createHost();
  const jobs = Array.from({ length: 20 }, () => host.run('mandelbrot', view));
  const closed = host.close();
  await assert.rejects(host.run('mandelbrot', view), { code: 'HOST_CLOSED' });
  await closed;
  assert.ok(jobs.every(({ state }) => state === 'done'));
  await host.close();
});

test('an idle host does not keep the process alive, a running job does', { timeout: 60_000 }, () => {
  const script = `
    import { createHost } from ${JSON.stringify(new URL('../../pkg/node.js', import.meta.url).href)};
    const host = await createHost();
    host.run('mandelbrot', ${JSON.stringify(view)}).then(({ counts }) => console.log('done', counts.length));
  `;
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8', timeout: 30_000 });
  assert.equal(stderr, '');
  assert.equal(stdout, `done ${view.width * view.height}\n`);
  assert.equal(status, 0);
});
