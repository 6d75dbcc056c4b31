// `loomwork bench` on small inputs: what it measures, how it tells it, and what it refuses. How long things take is not looked at.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { folder, run, start } from './support.mjs';

const tiny = ['bench', '--size', 'tiny', '--runs', '2'];

describe('what it tells', () => {
  test('JSON: the machine, the runtime, and a row for each case and number of threads', async () => {
    const { code, stdout, stderr } = await run([...tiny, '--threads', '2', '--case', 'sort', '--case', 'blake3', '--json']);
    assert.equal(code, 0, stderr);
    assert.equal(stderr, '');
    const { machine, runtime, rows, left } = JSON.parse(stdout);
    assert.deepEqual(Object.keys(machine), ['cpu', 'cores', 'memoryGB', 'os', 'date']);
    assert.equal(runtime, `node ${process.version}`);
    assert.equal(left, undefined);
    const cases = [...new Set(rows.map((row) => row.case))];
    assert.ok(cases.length >= 4 && cases.every((name) => /sort|blake3/.test(name)), cases.join('; '));
    for (const row of rows) {
      assert.deepEqual(Object.keys(row), ['suite', 'case', 'impl', 'kind', 'threads', 'unit', 'median', 'min', 'max', 'runs']);
      assert.deepEqual({ suite: row.suite, impl: row.impl, kind: row.kind, unit: row.unit, runs: row.runs }, { suite: 'kernels', impl: 'loomwork', kind: 'ours', unit: 'ms', runs: 2 });
      assert.ok(row.min > 0 && row.min <= row.median && row.median <= row.max, JSON.stringify(row));
    }
    for (const name of cases) assert.deepEqual(rows.filter((row) => row.case === name).map(({ threads }) => threads), [1, 2], name);
  });

  test('jobs that do nothing, beside bare messages', async () => {
    const { code, stdout, stderr } = await run([...tiny, '--runs', '1', '--case', 'dispatch: burst', '--json']);
    assert.equal(code, 0, stderr);
    const { rows } = JSON.parse(stdout);
    assert.deepEqual(rows.map(({ suite, case: name, impl, unit, threads }) => [suite, name, impl, unit, threads]), [
      ['dispatch', 'burst', 'loomwork', 'jobs/s', availableParallelism()],
      ['dispatch', 'burst', 'raw', 'jobs/s', availableParallelism()],
    ]);
    assert.ok(rows.every(({ median }) => median > 0));
  });

  test('a table, and the means over the kernels', async () => {
    const { code, stdout, stderr } = await run([...tiny, '--threads', '2', '--case', 'mandelbrot', '--case', 'hash sha256']);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^mandelbrot .*\n {2}threads +loomwork ms\n {2}1 .*\n {2}2 .*\n {2}2 threads against 1: loomwork ×/m);
    assert.match(stdout, /^geometric means over 2 kernels/m);
  });

  test('a page that is well formed and needs nothing else', async (t) => {
    const file = join(folder(t), 'report.html');
    const { code, stdout, stderr } = await run([...tiny, '--threads', '2', '--case', 'matmul f32', '--html', file]);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^matmul f32/m);
    assert.equal(stderr, `wrote ${file}\n`);
    const html = readFileSync(file, 'utf8');
    assertWellFormed(html);
    assert.match(html, /^<!doctype html>\n<html lang="en">/);
    assert.match(html, /<h3[^>]*>matmul f32/);
    assert.equal(html.match(/<th scope="row">loomwork<\/th>/g).length, 2);
    // Namespaces need no address; there are none.
    assert.doesNotMatch(html, /<script|src=|https?:|@import|url\(/);
    const ids = [...html.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id);
    assert.equal(new Set(ids).size, ids.length, 'an id is there twice');
    for (const [, id] of html.matchAll(/(?:href="#|aria-labelledby=")([^"]+)"/g)) assert.ok(ids.includes(id), id);
  });

  test('the list of cases', async () => {
    const { code, stdout } = await run(['bench', '--list']);
    assert.match(stdout, /^sort 10 M f64$/m);
    assert.match(stdout, /^dispatch: burst$/m);
    assert.equal(code, 0);
  });
});

describe('what it refuses', () => {
  for (const [name, args, message, code] of [
    ['a case that is not there', ['--case', 'sort', '--case', 'sorrt'], /no case has 'sorrt' in its name: loomwork bench --list tells them/, 2],
    ['runs that are none', ['--runs', '0'], /--runs <N>.*whole number from 1 to 1000/, 2],
    ['threads that are none', ['--threads', 'x'], /--threads <N>.*whole number from 1 to 256/, 2],
    ['a size that is none', ['--size', 'huge'], /--size <SIZE>.*full, light, tiny/, 2],
    ['an argument too many', ['sort'], /too many arguments/, 2],
    ['a page that cannot be written, before anything is measured', ['--html', '/nowhere/at/all/report.html'], /--html: \/nowhere\/at\/all\/report.html cannot be written: there is no such file/, 2],
  ]) {
    test(name, async () => {
      const result = await run(['bench', ...args]);
      assert.match(result.stderr, message);
      assert.equal(result.stdout, '');
      assert.equal(result.code, code);
    });
  }

  test('with --json an error is JSON', async () => {
    const { code, stderr } = await run(['bench', '--json', '--case', 'nothing like it']);
    assert.equal(JSON.parse(stderr).error.code, 'BAD_USAGE');
    assert.equal(code, 2);
  });
});

test('Ctrl-C ends it with 130, and no report is left behind', async (t) => {
  const file = join(folder(t), 'report.html');
  const child = start(['bench', '--case', 'nbody', '--runs', '1000', '--html', file]);
  t.after(() => child.kill('SIGKILL'));
  let stderr = '';
  child.stderr.on('data', (chunk) => (stderr += chunk));
  // Its start takes a moment; whenever the signal comes, it ends.
  setTimeout(() => child.kill('SIGINT'), 1500);
  const [code] = await once(child, 'close');
  assert.equal(code, 130, stderr);
  assert.match(stderr, /interrupted/);
  assert.equal(existsSync(file), false);
});

/** Every element is closed, in order. */
function assertWellFormed(html) {
  const open = [];
  for (const [tag, closes, name, self] of html.replace(/<style>[^]*<\/style>/, '').matchAll(/<(\/?)([a-z][a-z0-9]*)(?:\s+[a-z0-9-]+(?:="[^"<>]*")?)*\s*(\/?)>/gi)) {
    if (self || ['meta', 'br', 'wbr', 'link'].includes(name)) continue;
    if (closes) assert.equal(open.pop(), name, tag);
    else open.push(name);
  }
  assert.deepEqual(open, []);
  assert.equal(html.match(/</g).length, html.match(/<!doctype|<\/?[a-z]/gi).length, 'a < stands by itself');
}
