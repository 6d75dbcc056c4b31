// Every kernel gives the same bits on any number of threads, in workers that share no memory, in slices on the caller's thread, in child processes, and natively.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createHost } from '../../pkg/node.js';
import { digest } from '../bench/digest.mjs';
import { Native } from '../bench/native.mjs';
import { cases } from './cases.mjs';

const places = [
  ...[1, 2, 3, 4, 8].map((threads) => ({ name: `threads ${threads}`, options: { backend: 'threads', threads } })),
  { name: 'workers 1', options: { backend: 'workers', threads: 1 } },
  { name: 'workers 3', options: { backend: 'workers', threads: 3 } },
  { name: 'workers 4, baseline', options: { backend: 'workers', threads: 4, artifact: 'baseline' } },
  { name: 'inline', options: { backend: 'inline' } },
  { name: 'process 3', options: { backend: 'process', processes: 3, threads: 3 } },
];

let native;
let hosts;
before(async () => {
  native = new Native('test');
  hosts = await Promise.all(places.map(({ options }) => createHost(options)));
}, { timeout: 590_000 });
after(async () => {
  native?.close();
  await Promise.all((hosts ?? []).map((host) => host.close()));
});

test('every kernel has a case', () => {
  const covered = new Set(cases.map(([kernel]) => kernel));
  assert.deepEqual(hosts[0].kernels.filter((kernel) => !covered.has(kernel)), []);
});

for (const [index, [kernel, make]] of cases.entries()) {
  test(`${kernel}, case ${index + 1}`, { timeout: 120_000 }, async (t) => {
    const params = await make(hosts[0]);
    native.setCase(kernel, params);
    const { sha256: expected } = await native.run(2);
    for (const [at, host] of hosts.entries()) assert.equal(digest(await host.run(kernel, params)), expected, places[at].name);
    t.diagnostic(`${expected.slice(0, 16)}… natively and on ${places.length} hosts`);
  });
}
