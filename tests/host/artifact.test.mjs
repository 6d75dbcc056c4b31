// Which compiled variant is chosen, and that each loads where it must and gives the same bytes.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { bytes, createHost, naiveMandelbrot, sha256, view } from './helpers.mjs';

const image = { width: 64, height: 48, data: new Uint8ClampedArray(bytes(64 * 48 * 4)) };
const resize = { image, width: 29, height: 71, filter: 'lanczos3' };

test('every artifact gives the same bytes', async () => {
  const results = [];
  for (const options of [{ threads: 2 }, { backend: 'workers', artifact: 'simd' }, { backend: 'workers', artifact: 'baseline' }]) {
    const host = await createHost(options);
    const { counts } = await host.run('mandelbrot', view);
    const { data } = (await host.run('image.resize', resize)).image;
    const { hex } = await host.run('hash', { data: bytes(100_000), algorithm: 'blake3' });
    results.push([sha256(counts), sha256(data), hex]);
    await host.close();
  }
  assert.deepEqual(results[1], results[0]);
  assert.deepEqual(results[2], results[0]);
  assert.equal(results[0][0], sha256(naiveMandelbrot(view)));
});

// V8 offers wasm SIMD only on processors with SSE4.1: without it, it is the engine of an old machine.
if (process.arch === 'x64') {
  test('where there is no SIMD the baseline artifact is chosen, and works', () => {
    const script = `
      import { createHost } from ${JSON.stringify(new URL('../../pkg/node.js', import.meta.url).href)};
      const host = await createHost();
      const { hex } = await host.run('hash', { data: new Uint8Array([97, 98, 99]), algorithm: 'sha256' });
      console.log([host.backend, host.artifact, host.why, hex].join('|'));
      await host.close();
    `;
    const flags = ['--no-enable-avx', '--no-enable-sse4-1', '--no-enable-ssse3', '--input-type=module', '-e', script];
    const { stdout, stderr } = spawnSync(process.execPath, flags, { encoding: 'utf8', timeout: 60_000 });
    const [backend, artifact, why, hex] = stdout.trim().split('|');
    assert.deepEqual([backend, artifact, hex], ['workers', 'baseline', sha256(new Uint8Array([97, 98, 99]))], stderr);
    assert.match(why, /no wasm SIMD/);
  });
}
