// `loomwork run`: params in, results out, and what each kind of wrong use answers.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, closeSync, mkdirSync, openSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { data, endless, flags, folder, listing, mandelbrot, picture, readNpy, run, start, view } from './support.mjs';

const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');

describe('params', () => {
  test('numbers, and the result on the terminal', async () => {
    const { code, stdout, stderr } = await run(['run', 'mandelbrot', ...flags(view)]);
    const counts = mandelbrot(view);
    assert.equal(stdout, `counts: Uint32Array(527), shape [17, 31]: [${counts.slice(0, 6).join(', ')}, …, ${counts.slice(-3).join(', ')}]\n`);
    assert.match(stderr, /^mandelbrot: [\d.]+ m?s on \d+ threads? \(threads backend, node v\d+/);
    assert.equal(code, 0);
  });

  test('--params as JSON, in a file and from standard input, with -p going before', async (t) => {
    const file = join(folder(t), 'params.json');
    const wrong = JSON.stringify({ ...view, width: 5 });
    writeFileSync(file, wrong);
    for (const [given, stdin] of [[wrong], [`@${file}`], ['@-', wrong]]) {
      const { code, stdout } = await run(['run', 'mandelbrot', '--params', given, '-p', `width=${view.width}`, '--json'], { stdin });
      assert.equal(code, 0);
      assert.deepEqual(JSON.parse(stdout).output.counts.data, [...mandelbrot(view)]);
    }
  });

  test("a picture's bytes where the kernel takes bytes", async () => {
    const { code, stdout } = await run(['run', 'hash', '-p', `data=@${picture}`, '-p', 'algorithm=sha256', '--json']);
    assert.equal(JSON.parse(stdout).output.hex, sha256(readFileSync(picture)));
    assert.equal(code, 0);
  });

  test('standard input', async () => {
    const stdin = Buffer.alloc(3_000_001, 'loom');
    const { stdout } = await run(['run', 'hash', '-p', 'data=@-', '-p', 'algorithm=sha256', '--json'], { stdin });
    assert.equal(JSON.parse(stdout).output.hex, sha256(stdin));
  });

  test('lists as JSON', async () => {
    const { stdout } = await run(['run', 'sort', '-p', 'data=[3, -1.5, 1e3]', '-p', 'order=descending', '--json']);
    assert.deepEqual(JSON.parse(stdout).output.data, { type: 'Float64Array', shape: [3], length: 3, data: [1000, 3, -1.5] });
  });

  test('fields inside an object', async () => {
    const pixel = ['-p', 'image.width=1', '-p', 'image.height=1', '-p', 'image.data=[1,2,3,255]', '-p', 'format=png'];
    const { code, bytes } = await run(['run', 'image.encode', ...pixel, '-o', '-']);
    assert.equal(code, 0);
    assert.equal(bytes.subarray(1, 4).toString(), 'PNG');
  });
});

describe('outputs', () => {
  test('.npy with its shape, whole or not at all', async (t) => {
    const out = folder(t);
    const { code, stdout, stderr } = await run(['run', 'mandelbrot', ...flags(view), '-o', join(out, 'counts.npy')]);
    assert.equal(code, 0);
    assert.equal(stdout, '');
    assert.match(stderr, /wrote .*counts\.npy \(2,236 bytes\)/);
    const { descr, shape, data: bytes, start } = readNpy(join(out, 'counts.npy'));
    assert.deepEqual({ descr, shape }, { descr: '<u4', shape: [17, 31] });
    assert.equal(start % 64, 0);
    assert.deepEqual(bytes, Buffer.from(mandelbrot(view).buffer));
    assert.deepEqual(listing(out), ['counts.npy']);
  });

  test('.bin, .json and a folder', async (t) => {
    const out = folder(t);
    for (const name of ['counts.bin', 'counts.json', 'new/inner/']) assert.equal((await run(['run', 'mandelbrot', ...flags(view), '-o', join(out, name)])).code, 0);
    assert.deepEqual(readFileSync(join(out, 'counts.bin')), Buffer.from(mandelbrot(view).buffer));
    assert.deepEqual(JSON.parse(readFileSync(join(out, 'counts.json'))), { counts: { type: 'Uint32Array', shape: [17, 31], length: 527, data: [...mandelbrot(view)] } });
    assert.deepEqual(listing(join(out, 'new/inner')), ['counts.npy']);
  });

  test('a folder that is there needs no slash; what is no array becomes JSON', async (t) => {
    const out = folder(t);
    assert.equal((await run(['run', 'image.decode', '-p', `data=@${picture}`, '-o', out])).code, 0);
    assert.deepEqual(listing(out), ['format.json', 'image.png']);
    assert.equal(readFileSync(join(out, 'format.json'), 'utf8'), '"jpeg"\n');
  });

  test('standard output takes the array, or JSON when there is none', async () => {
    const array = await run(['run', 'mandelbrot', ...flags(view), '-o', '-']);
    assert.deepEqual(array.bytes.subarray(-4 * 527), Buffer.from(mandelbrot(view).buffer));
    assert.equal(array.bytes.subarray(1, 6).toString(), 'NUMPY');
    const text = await run(['run', 'hash', '-p', 'data=@-', '-p', 'algorithm=sha256', '-o', '-'], { stdin: 'abc' });
    assert.deepEqual(JSON.parse(text.stdout), { hex: sha256('abc') });
  });

  test('an old file is replaced and keeps its mode; a link stays a link', async (t) => {
    const out = folder(t);
    writeFileSync(join(out, 'old.npy'), 'old');
    chmodSync(join(out, 'old.npy'), 0o640);
    symlinkSync('old.npy', join(out, 'link.npy'));
    assert.equal((await run(['run', 'mandelbrot', ...flags(view), '-o', join(out, 'link.npy')])).code, 0);
    assert.deepEqual(readNpy(join(out, 'old.npy')).shape, [17, 31]);
    assert.equal(statSync(join(out, 'old.npy')).mode & 0o777, 0o640);
    assert.deepEqual(listing(out), ['link.npy', 'old.npy']);
  });

  test('a full disk behind standard output', async () => {
    const full = openSync('/dev/full', 'w');
    const child = start(['kernels'], { stdio: ['ignore', full, 'pipe'] });
    let stderr = '';
    child.stderr.on('data', (chunk) => (stderr += chunk));
    const [code] = await once(child, 'close');
    closeSync(full);
    assert.match(stderr, /^error: standard output cannot be written: the disk is full\n$/);
    assert.equal(code, 1);
  });

  test('a device takes the bytes as they come', async () => {
    assert.equal((await run(['run', 'mandelbrot', ...flags(view), '-o', '/dev/null'])).code, 2, 'it has no extension');
    const { code, stderr } = await run(['run', 'image.encode', '-p', `image=@${picture}`, '-p', 'format=png', '-o', '/dev/full']);
    assert.equal(code, 1);
    assert.match(stderr, /\/dev\/full could not be written: the disk is full/);
  });
});

describe('--json', () => {
  test('one object on stdout, nothing on stderr', async (t) => {
    const path = join(folder(t), 'counts.npy');
    const { code, stdout, stderr } = await run(['run', 'mandelbrot', ...flags(view), '--threads', '2', '--json', '-o', path]);
    assert.equal(code, 0);
    assert.equal(stderr, '');
    const { timing, ...rest } = JSON.parse(stdout);
    assert.deepEqual(rest, {
      kernel: 'mandelbrot',
      output: { counts: { type: 'Uint32Array', shape: [17, 31], length: 527 } },
      backend: 'threads',
      threads: 2,
      files: [{ field: 'counts', path, bytes: 2236 }],
    });
    assert.deepEqual(Object.keys(timing), ['queued', 'running', 'retries']);
    assert.ok(timing.running > 0);
  });

  test('long arrays are left out, short ones are there', async () => {
    const long = JSON.parse((await run(['run', 'mandelbrot', ...flags({ ...view, width: 200, height: 51 }), '--json'])).stdout);
    assert.deepEqual(long.output.counts, { type: 'Uint32Array', shape: [51, 200], length: 10_200 });
    const short = JSON.parse((await run(['run', 'mandelbrot', ...flags({ ...view, width: 200, height: 50 }), '--json'])).stdout);
    assert.equal(short.output.counts.data.length, 10_000);
  });

  test('errors are one object on stderr', async () => {
    const { code, stdout, stderr } = await run(['run', 'mandelbrot', ...flags({ ...view, width: 0 }), '--json']);
    assert.equal(code, 2);
    assert.equal(stdout, '');
    const { error } = JSON.parse(stderr);
    assert.equal(error.code, 'BAD_PARAMS');
    assert.equal(error.field, 'width');
    assert.match(error.message, /got 0/);
  });
});

describe('backends', () => {
  for (const backend of ['threads', 'workers', 'inline']) {
    test(`${backend} gives the same`, async () => {
      const result = JSON.parse((await run(['run', 'mandelbrot', ...flags(view), '--backend', backend, '--json'])).stdout);
      assert.equal(result.backend, backend);
      assert.deepEqual(result.output.counts.data, [...mandelbrot(view)]);
    });
  }
});

describe('wrong use ends with 2 and one sentence', () => {
  const good = flags(view);
  const cases = [
    ['an unknown kernel', ['mandelbrto', ...good], /no kernel is named 'mandelbrto', did you mean 'mandelbrot'\? \[UNKNOWN_KERNEL\]/],
    ['an unknown param', ['mandelbrot', ...good, '-p', 'widht=3'], /mandelbrot has no param 'widht', did you mean 'width'\? \[BAD_PARAMS\]/],
    ['an unknown param in --params', ['mandelbrot', ...good, '--params', '{"colour":1}'], /mandelbrot has no param 'colour'; it takes width, height/],
    ['an unknown field inside', ['image.encode', '-p', 'image.widht=3'], /image has no param 'widht', did you mean 'width'\?/],
    ['missing params', ['mandelbrot', '-p', 'width=3', '-p', 'span=1'], /mandelbrot needs height \(whole number\), centerX \(number\), centerY \(number\), maxIterations \(whole number\)/],
    ['text for a number', ['mandelbrot', '-p', 'width=wide'], /width: must be a whole number, got "wide"/],
    ['a fraction for a whole number', ['mandelbrot', '-p', 'width=1.5'], /width: must be a whole number, got "1\.5"/],
    ['a word that is no choice', ['hash', '-p', 'algorithm=md5'], /algorithm: must be one of .*sha256.*, got "md5"/],
    ['a list that is none', ['sort', '-p', 'data=5'], /data: must be an array: @FILE\.npy/],
    ['a list of words', ['sort', '-p', 'data=["a"]'], /data: must be a JSON list of numbers/],
    ['broken JSON in a param', ['sort', '-p', 'data=[1,'], /data: is not JSON: /],
    ['broken JSON in --params', ['sort', '--params', '{"data"'], /--params: is not JSON: /],
    ['--params that is no object', ['sort', '--params', '[1]'], /--params: must be a JSON object/],
    ['a param without =', ['sort', '-p', 'data'], /-p: 'data' is not KEY=VALUE/],
    ['a param given twice', ['sort', '-p', 'data=[1]', '-p', 'data=[2]'], /data: is given twice/],
    ['a param and a field of it', ['image.encode', '-p', 'image.width=1', '-p', `image=@${picture}`], /image: is given, and so is image\.width/],
    ['a field of a number', ['mandelbrot', '-p', 'width.x=1'], /width\.x: width is a whole number, it has no fields/],
    ['a file that is not there', ['sort', '-p', 'data=@nowhere.npy'], /data: nowhere\.npy cannot be read: there is no such file/],
    ['a folder as a file', ['sort', '-p', `data=@${data}`], /data: .* cannot be read: it is a directory/],
    ['@ alone', ['sort', '-p', 'data=@'], /data: '@' needs a file's name/],
    ['standard input twice', ['hash', '-p', 'data=@-', '-p', 'algorithm=@-'], /algorithm: standard input was read already, for data/],
    ['bytes for other numbers', ['image.encode', '-p', `image=@${data}SOURCES.md`, '-p', 'format=png'], /image: .*SOURCES\.md cannot be decoded: /],
    ['an output folder that is not there', ['sort', '-p', 'data=[1]', '-o', '/nowhere/x.npy'], /-o: \/nowhere\/x\.npy cannot be written: there is no such file or directory/],
    ['an output below a file', ['sort', '-p', 'data=[1]', '-o', `${picture}/x.npy`], /-o: .* cannot be written: a part of its path is not a directory/],
    ['an array as a picture', ['mandelbrot', ...good, '-o', 'x.png'], /-o: counts \(Uint32Array\) cannot be written as \.png: use \.npy/],
    ['an output without an array', ['hash', '-p', 'data=[1]', '-p', 'algorithm=sha256', '-o', 'x.bin'], /-o: hash gives no array: /],
    ['--json and -o -', ['mandelbrot', ...good, '--json', '-o', '-'], /standard output cannot hold both/],
    ['a quality for no JPEG', ['mandelbrot', ...good, '-o', 'x.npy', '--quality', '50'], /--quality: is for an image that is written as a JPEG/],
    ['a backend that is none', ['mandelbrot', ...good, '--backend', 'gpu'], /'--backend <B>' argument 'gpu' is invalid\. Allowed choices are auto, threads/],
    ['no threads', ['mandelbrot', ...good, '--threads', '0'], /'--threads <N>' argument '0' is invalid/],
    ['an unknown option', ['mandelbrot', '--thread', '2'], /unknown option '--thread', did you mean --threads\?/],
    ['no kernel', [], /missing required argument 'kernel'/],
  ];
  for (const [name, args, message] of cases) {
    test(name, async () => {
      const { code, stdout, stderr } = await run(['run', ...args], { stdin: 'sha256' });
      assert.match(args.includes('--json') ? JSON.parse(stderr).error.message : stderr, message);
      assert.ok(!stderr.includes('    at '), 'no stack');
      assert.equal(stdout, '');
      assert.equal(code, 2);
    });
  }

  test('a read-only file is refused before the job', { skip: process.getuid?.() === 0 && 'root may write everything' }, async (t) => {
    const path = join(folder(t), 'x.npy');
    writeFileSync(path, '');
    chmodSync(path, 0o444);
    const { code, stderr } = await run(['run', 'mandelbrot', ...flags(view), '-o', path]);
    assert.match(stderr, /permission is denied/);
    assert.equal(code, 2);
  });

  test('a folder in the place of the file', async (t) => {
    const out = folder(t);
    mkdirSync(join(out, 'image.png'));
    const { code, stderr } = await run(['run', 'image.decode', '-p', `data=@${picture}`, '-o', `${out}/`]);
    assert.match(stderr, /image\.png cannot be written: it is a directory/);
    assert.equal(code, 2);
  });
});

test('a job that takes too long ends with 1', async () => {
  const { code, stderr } = await run(['run', 'mandelbrot', ...flags(endless), '--timeout', '200']);
  assert.match(stderr, /timeout of 200 ms \[TIMEOUT\]/);
  assert.equal(code, 1);
});

test('a stack only where LOOMWORK_DEBUG asks for it', async () => {
  const { stderr } = await run(['run', 'sort', '-p', 'data=@nowhere'], { env: { LOOMWORK_DEBUG: '1' } });
  assert.match(stderr, /\n    at /);
  assert.match(stderr, /caused by Error: ENOENT/);
});
