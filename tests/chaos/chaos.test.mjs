// The short form of ./build.sh chaos: faults of every kind at random moments, and every job answered once and rightly.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chaosInChromium } from './chromium.mjs';
import { WITHIN_ONE } from './chaos.mjs';
import { chaosInNode } from './node.mjs';
import { chaosInProcesses } from './processes.mjs';

const seed = Math.floor(Math.random() * 2 ** 31);
const browsers = (process.env.LOOMWORK_BROWSERS ?? 'chromium,firefox').split(',');

function judge(t, { complaints, ...report }, kinds) {
  t.diagnostic(`seed ${seed}: ${JSON.stringify(report)}`);
  const { wrong, lost, doubled, hung } = report;
  assert.deepEqual({ wrong, lost, doubled, hung }, { wrong: 0, lost: 0, doubled: 0, hung: 0 }, complaints.join('\n'));
  assert.equal(report.answered, report.jobs);
  assert.ok(kinds.every((kind) => report.faults[kind] > 0), 'every kind of fault was thrown');
  assert.ok(report.restarts > 0, 'faults did bring instances down');
}

test('chaos in Node', { timeout: 240_000 }, async (t) => {
  judge(t, await chaosInNode({ seed, jobs: 3000, faults: 120 }), ['trap', 'killThread']);
});

test('chaos among child processes', { timeout: 240_000 }, async (t) => {
  judge(t, await chaosInProcesses({ seed, jobs: 1500, faults: 60 }), ['trap', 'killProcess']);
});

test('chaos in Chromium', { timeout: 240_000, skip: !browsers.includes('chromium') && 'LOOMWORK_BROWSERS leaves Chromium out' }, async (t) => {
  judge(t, await chaosInChromium({ seed, jobs: 1500, faults: 60 }), ['trap', 'killThread']);
});

test('each kind of fault by itself', { timeout: 300_000 }, async (t) => {
  for (const kind of WITHIN_ONE) {
    const { complaints, ...report } = await chaosInNode({ seed, jobs: 200, faults: 10, kinds: [kind] });
    t.diagnostic(`${kind}: ${report.restarts} restarts, recovery p50 ${report.recovery_ms.p50.toFixed(0)} ms`);
    const { wrong, lost, doubled, hung } = report;
    assert.deepEqual({ wrong, lost, doubled, hung }, { wrong: 0, lost: 0, doubled: 0, hung: 0 }, `${kind}, seed ${seed}: ${complaints.join('\n')}`);
  }
});
