// What a person at a terminal meets: the progress bar, colours, Ctrl-C, and a reader that goes away.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { command, endless, flags, folder, listing, run, start, view } from './support.mjs';

const hasScript = spawnSync('script', ['--version']).status === 0;

/** Runs the command under a pseudo-terminal and gives all that it drew. */
async function onTerminal(args, { env = {}, columns = 100, interruptAfter } = {}) {
  const line = [process.execPath, command, ...args].map((word) => `'${word}'`).join(' ');
  const { NO_COLOR, FORCE_COLOR, ...clean } = process.env;
  const child = spawn('script', ['-qec', `stty cols ${columns}; ${line}`, '/dev/null'], { env: { ...clean, TERM: 'xterm', LC_ALL: 'C.UTF-8', ...env }, stdio: ['pipe', 'pipe', 'inherit'] });
  let drawn = '';
  let interrupted = false;
  child.stdout.on('data', (chunk) => {
    drawn += chunk;
    if (interrupted || !interruptAfter?.test(drawn)) return;
    interrupted = true;
    child.stdin.write('\x03');
  });
  const [code] = await once(child, 'close');
  return { code, drawn };
}

describe('on a terminal', { skip: !hasScript && 'needs script of util-linux' }, () => {
  test('a bar is drawn over one line, and taken away at Ctrl-C', async () => {
    const { code, drawn } = await onTerminal(['run', 'mandelbrot', ...flags(endless)], { interruptAfter: /%.*\r.*%/s });
    const lines = drawn.split('\r').filter((line) => line.includes('mandelbrot '));
    // It starts without a percentage, until the kernel has said how much there is to do.
    for (const line of lines) assert.match(line, /mandelbrot [━╌]{28} /);
    assert.match(lines.at(-1), /mandelbrot [━╌]{28} +\d+% {2}[\d.]+ m?s.* {2}\d+ threads?/);
    assert.match(drawn, /\r\x1b\[Kmandelbrot: interrupted after [\d.]+ m?s at \d+%\r\n/);
    assert.equal(code, 130);
  });

  test('no bar with --json or a terminal that cannot draw', async () => {
    for (const [args, env] of [[['--json'], {}], [[], { TERM: 'dumb' }]]) {
      const { drawn } = await onTerminal(['run', 'mandelbrot', ...flags(endless), '--timeout', '800', ...args], { env });
      assert.match(drawn, /timeout of 800 ms/);
      assert.doesNotMatch(drawn, /\x1b\[K|\r[^\n]/);
    }
  });

  test('ASCII where the locale has no more', async () => {
    const { drawn } = await onTerminal(['run', 'mandelbrot', ...flags(endless), '--timeout', '800'], { env: { LC_ALL: 'C' } });
    assert.match(drawn, /mandelbrot [#-]{28} /);
  });

  test('a narrow terminal has a shorter line, never a wrapped one', async () => {
    for (const columns of [20, 40, 60]) {
      const { drawn } = await onTerminal(['run', 'mandelbrot', ...flags(endless), '--timeout', '800'], { columns, env: { NO_COLOR: '1' } });
      const lines = drawn.split(/[\r\n]/).filter((line) => line.startsWith('mandelbrot '));
      assert.ok(lines.length > 0);
      for (const line of lines) assert.ok(line.replaceAll('\x1b[K', '').length < columns, line);
    }
  });

  test('colours, unless NO_COLOR', async () => {
    assert.match((await onTerminal(['kernels'])).drawn, /\x1b\[1m/);
    assert.doesNotMatch((await onTerminal(['kernels'], { env: { NO_COLOR: '1' } })).drawn, /\x1b\[\d/);
  });

  test('bytes do not go to a terminal', async () => {
    const { code, drawn } = await onTerminal(['run', 'mandelbrot', ...flags(view), '-o', '-']);
    assert.match(drawn, /would write bytes to the terminal/);
    assert.equal(code, 2);
  });

  test('nor are they read from one', async () => {
    const { code, drawn } = await onTerminal(['run', 'hash', '-p', 'data=@-', '-p', 'algorithm=sha256']);
    assert.match(drawn, /standard input is the terminal/);
    assert.equal(code, 2);
  });
});

test('FORCE_COLOR colours a pipe', async () => {
  assert.match((await run(['kernels'], { env: { FORCE_COLOR: '1' } })).stdout, /\x1b\[1m/);
  assert.doesNotMatch((await run(['kernels'])).stdout, /\x1b/);
});

describe('Ctrl-C', () => {
  /** Interrupts a job that runs; there is no other sign of it than that its host has had the time to start. */
  async function interrupt(args, signal = 'SIGINT') {
    const child = start(['run', 'mandelbrot', ...flags(endless), ...args]);
    let stderr = '';
    child.stderr.on('data', (chunk) => (stderr += chunk));
    await new Promise((resolve) => setTimeout(resolve, 1500));
    const asked = performance.now();
    child.kill(signal);
    const [code, by] = await once(child, 'close');
    return { code, by, stderr, took: performance.now() - asked };
  }

  for (const backend of ['threads', 'workers']) {
    test(`${backend}: one line, 130, and no file left`, async (t) => {
      const out = folder(t);
      const { code, stderr, took } = await interrupt(['--backend', backend, '-o', join(out, 'x.npy')]);
      assert.match(stderr, /^mandelbrot: interrupted after [\d.]+ m?s.*\n$/);
      assert.equal(code, 130);
      assert.ok(took < 2000, `${took} ms`);
      assert.deepEqual(listing(out), []);
    });
  }

  test('inline: the kernel holds the thread, so the signal ends the process itself', async () => {
    const { code, by, took } = await interrupt(['--backend', 'inline']);
    assert.deepEqual([code, by], [null, 'SIGINT']);
    assert.ok(took < 2000, `${took} ms`);
  });

  test('a request to end is heeded too', async () => {
    assert.equal((await interrupt([], 'SIGTERM')).code, 143);
  });

  test('while standard input is awaited', async () => {
    const child = start(['run', 'hash', '-p', 'data=@-', '-p', 'algorithm=sha256']);
    await new Promise((resolve) => setTimeout(resolve, 1000));
    child.kill('SIGINT');
    assert.deepEqual(await once(child, 'close'), [130, null]);
  });

  test('while the output is written', async () => {
    // Nobody reads the pipe, so the writing waits.
    const child = start(['run', 'mandelbrot', ...flags({ ...view, width: 2000, height: 2000, maxIterations: 1 }), '-o', '-']);
    await once(child.stdout, 'readable');
    child.kill('SIGINT');
    assert.deepEqual(await once(child, 'exit'), [130, null]);
  });
});

test('a reader that goes away ends the command quietly', async () => {
  const child = start(['run', 'mandelbrot', ...flags({ ...view, width: 2000, height: 2000, maxIterations: 1 }), '-o', '-']);
  let stderr = '';
  child.stderr.on('data', (chunk) => (stderr += chunk));
  await once(child.stdout, 'data');
  child.stdout.destroy();
  const [code] = await once(child, 'close');
  assert.equal(stderr, '');
  assert.equal(code, 0);
});
