// The short form of ./build.sh soak.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { test } from 'node:test';
import { promisify } from 'node:util';

test('many jobs and many hosts leave memory and threads as they were', { timeout: 240_000 }, async (t) => {
  const args = ['--expose-gc', fileURLToPath(new URL('./soak.mjs', import.meta.url)), '--small', '100000', '--large', '100', '--cycles', '60', '--json'];
  const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 200_000 });
  const report = JSON.parse(stdout);
  t.diagnostic(stdout.trim());
  assert.equal(report.lost, 0);
  assert.equal(report.cycles, 60);
  assert.ok(report.jobs >= 100_000);
  assert.ok(report.threads_end <= report.threads_start, stdout);
  // Dead pools' memory waits for a major collection: some of it may still be there. One that was never freed would be far more.
  assert.ok(report.rss_end_mb <= report.rss_start_mb + 300, stdout);
});
