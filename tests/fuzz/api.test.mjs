// The short form of ./build.sh fuzz: what it once found, then a moment of it with a seed of its own each time.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createRequire } from 'node:module';
import { createHost } from '../../pkg/node.js';
import { openHosts, properties } from './api.mjs';
import { corpus } from './corpus.mjs';

const fc = createRequire(new URL('../../www/package.json', import.meta.url))('fast-check');

let hosts;
before(async () => {
  hosts = await openHosts();
}, { timeout: 60_000 });
after(() => Promise.all((hosts ?? []).map((host) => host.close())));

for (const [what, replay] of Object.entries(corpus)) {
  test(`found once: ${what}`, { timeout: 60_000 }, async () => {
    for (const host of hosts) await replay(host, createHost);
  });
}

const cases = { 'host options': 15, params: 400, sequences: 10 };
for (const name of Object.keys(properties)) {
  test(name, { timeout: 120_000 }, async (t) => {
    const tally = {};
    // fast-check prints the seed of what fails.
    await fc.assert(properties[name](fc, tally, hosts), { numRuns: cases[name], interruptAfterTimeLimit: 8000 });
    t.diagnostic(JSON.stringify(tally));
    assert.ok(Object.keys(tally).length > 0);
  });
}
