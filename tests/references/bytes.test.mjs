// Kernels of bytes against hashlib, the BLAKE3 of its authors, zlib, lz4, zstd, re and grep.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { flags, picture, run } from '../cli/support.mjs';
import { folder, kernel, reference } from './support.mjs';

test('hash.many equals hashlib and blake3', async () => {
  const path = join(folder, 'many.bin');
  writeFileSync(path, Uint8Array.from({ length: 1_234_567 }, (_, index) => (index * 31 + (index >> 8)) & 255));
  for (const algorithm of ['sha256', 'blake3']) {
    for (const chunk of [1000, 65_536, 2_000_000]) {
      const found = await reference('hashes.py', '--chunk', chunk, algorithm, path, await kernel('hash.many', { data: `@${path}`, chunk, algorithm }, 'digests.npy'));
      assert.deepEqual(found, { same: true, count: Math.ceil(1_234_567 / chunk) });
    }
  }
});

test('hash equals hashlib and blake3', async (t) => {
  const files = [picture];
  for (const length of [0, 1, 1_000_000]) {
    const path = join(folder, `${length}.bin`);
    writeFileSync(path, Uint8Array.from({ length }, (_, index) => (index * 31 + (index >> 8)) & 255));
    files.push(path);
  }
  const wanted = await reference('hashes.py', ...files);
  for (const [path, hashes] of Object.entries(wanted)) {
    for (const [algorithm, hex] of Object.entries(hashes)) {
      const { code, stdout, stderr } = await run(['run', 'hash', ...flags({ data: `@${path}`, algorithm }), '--json']);
      assert.equal(code, 0, stderr);
      assert.equal(JSON.parse(stdout).output.hex, hex, `${algorithm} of ${path}`);
    }
  }
  assert.equal(Object.keys(wanted).length, 4);
  t.diagnostic(`SHA-256 of the photo ${wanted[picture].sha256}`);
});

describe('compress and decompress against zlib, lz4 and zstd', () => {
  const inputs = ['empty', 'one', 'prose', 'source', 'noise', 'zeros', 'block'];
  before(async () => {
    await reference('compressing.py', 'make', folder);
  });

  /** What the format's own tool says of a file, where there is one. */
  const tools = { gzip: ['/usr/bin/gzip', '-t'], lz4: ['/usr/bin/lz4', '-tq'], zstd: ['/usr/bin/zstd', '-tq'] };
  const levels = { gzip: [undefined, 0, 1, 9], zlib: [undefined], deflate: [undefined], lz4: [undefined], zstd: [undefined, 1, 9] };
  for (const [format, some] of Object.entries(levels)) {
    test(`they read what we write as ${format}`, async (t) => {
      for (const level of some) {
        for (const input of inputs) {
          const params = { data: `@${join(folder, input)}`, format, ...(level !== undefined && { level }) };
          const file = await kernel('compress', params, `${input}.${level}.ours.${format === 'gzip' ? 'gz' : format === 'zstd' ? 'zst' : format}`);
          assert.deepEqual(await reference('compressing.py', 'read', format, file, join(folder, input)), { same: true }, `${input}, level ${level}`);
          const [tool, ...args] = tools[format] ?? [];
          if (tool && existsSync(tool)) await promisify(execFile)(tool, [...args, file]);
        }
      }
      if (tools[format] && !existsSync(tools[format][0])) t.diagnostic(`${tools[format][0]} is not here, and was not asked`);
    });
  }

  for (const kind of ['gzip', 'gzip-members', 'zlib', 'deflate', 'lz4', 'lz4-high', 'zstd', 'zstd-high']) {
    test(`we read what they write as ${kind}`, async () => {
      for (const input of inputs) {
        const path = join(folder, `${input}.${kind}`);
        const params = { data: `@${path}`, ...(kind === 'deflate' && { format: 'deflate' }) };
        const out = await kernel('decompress', params, 'decompressed.bin');
        assert.ok(readFileSync(out).equals(readFileSync(`${path}.held`)), input);
      }
    });
  }
});

describe('search finds what re and grep find', () => {
  before(async () => {
    await reference('compressing.py', 'make', folder);
    writeFileSync(join(folder, 'mixed'), 'Größe 17 Ἀθήνα\n\nμῆνιν ἄειδε θεά 4711\n'.repeat(20_000));
  });

  for (const [what, file, pattern, letters] of [
    ['a word in a source', 'source', 'return', 'bg'],
    ['a word in any case', 'source', 'Return', 'big'],
    ['an expression', 'source', 'def +(\\w+)\\(self, (\\w+)', 'b'],
    ['one of several words', 'source', 'import|class|lambda', 'bg'],
    ['ends of lines', 'source', '[:,]$', 'bg'],
    ['empty lines', 'source', '^$', 'bg'],
    ['lines without a match', 'source', '[a-z]', 'bvg'],
    ['words of text in several alphabets', 'mixed', '\\b\\w+\\b', ''],
    ['a class without its letters in any case', 'mixed', 'grösse|größe|ΜΗ|ΘΕΆ', 'i'],
    ['numbers', 'mixed', '\\d+$', ''],
    ['bytes in noise', 'noise', '[\\x80-\\x8F]{2}.', 'b'],
  ]) {
    test(what, async () => {
      const path = join(folder, file);
      const out = join(folder, 'found');
      const params = { data: `@${path}`, pattern, ignoreCase: letters.includes('i'), invert: letters.includes('v'), unicode: !letters.includes('b') };
      const { code, stderr } = await run(['run', 'search', ...flags(params), '-o', `${out}/`]);
      assert.equal(code, 0, stderr);
      const columns = ['starts', 'ends', 'lines', 'lineStarts'].map((column) => join(out, `${column}.npy`));
      const found = await reference('searching.py', path, pattern, letters, ...columns);
      assert.ok(found.count > 10 && found.same && found.grep !== false, JSON.stringify(found));
    });
  }
});
