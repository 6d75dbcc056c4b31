// `loomwork kernels`, the help, the version and unknown commands.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { command, run } from './support.mjs';

const { kernels } = JSON.parse(readFileSync(new URL('../../pkg/kernels.json', import.meta.url), 'utf8'));

test('lists every kernel with what it does', async () => {
  const { code, stdout } = await run(['kernels']);
  for (const { name, about } of kernels) assert.ok(stdout.includes(name) && stdout.includes(about), name);
  assert.equal(code, 0);
  const json = JSON.parse((await run(['kernels', '--json'])).stdout);
  assert.deepEqual(json, { kernels: kernels.map(({ name, about }) => ({ name, about })) });
});

test('shows one kernel: params, output, parts and a command', async () => {
  const { stdout } = await run(['kernels', 'mandelbrot']);
  assert.match(stdout, /^Params\n  width +whole number, required\n {17}Pixels in a row/m);
  assert.match(stdout, /^Output\n  counts +Uint32Array\n/m);
  assert.match(stdout, /^Parts, streamed while it runs\n  x /m);
  assert.match(stdout, /^Example\n  loomwork run mandelbrot -p width=/m);
  const sort = (await run(['kernels', 'sort'])).stdout;
  assert.match(sort, /^  order +ascending \| descending, (optional|default "ascending")$/m);
});

describe('every kernel', () => {
  for (const { name } of kernels) {
    test(`${name}: its JSON holds each definition that it names`, async () => {
      const described = JSON.parse((await run(['kernels', name, '--json'])).stdout);
      assert.equal(described.name, name);
      for (const [, ref] of JSON.stringify(described).matchAll(/"#\/\$defs\/([^"]+)"/g)) assert.ok(described.$defs[ref], ref);
    });
  }

  test('an example without files runs as it is shown', async (t) => {
    const example = /^  loomwork (run mandelbrot .*) -o counts\.npy$/m.exec((await run(['kernels', 'mandelbrot'])).stdout)[1];
    const { code, stderr } = await run([...example.split(' '), '--json']);
    assert.equal(code, 0, stderr);
  });
});

test('an unknown kernel', async () => {
  const { code, stderr } = await run(['kernels', 'hassh']);
  assert.match(stderr, /no kernel is named 'hassh', did you mean 'hash'\? \[UNKNOWN_KERNEL\]/);
  assert.equal(code, 2);
});

describe('help', () => {
  for (const name of ['run', 'kernels', 'serve', 'worker', 'new', 'build', 'test', 'bench', 'demo', 'doctor']) {
    test(`${name} --help has examples`, async () => {
      const { code, stdout } = await run([name, '--help']);
      assert.match(stdout, new RegExp(`Examples:\n  loomwork ${name}`));
      assert.equal(code, 0);
    });
  }

  test('a password in REDIS_URL is not shown', async () => {
    const { stdout } = await run(['worker', '--help'], { env: { REDIS_URL: 'redis://user:secret@redis.example' } });
    assert.match(stdout, /--redis <URL>/);
    assert.doesNotMatch(stdout, /secret/);
  });

  test('--version is the package\'s', async () => {
    const { version } = JSON.parse(readFileSync(new URL('../package.json', `file://${command}`), 'utf8'));
    assert.equal((await run(['--version'])).stdout, `${version}\n`);
  });

  test('no command, an unknown one and an option too many are wrong use', async () => {
    assert.equal((await run([])).code, 2);
    const unknown = await run(['kernel']);
    assert.match(unknown.stderr, /unknown command 'kernel', did you mean kernels\?/);
    assert.equal(unknown.code, 2);
    assert.equal((await run(['kernels', 'a', 'b'])).code, 2);
  });
});
