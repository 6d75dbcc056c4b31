// Chaos: a host under a steady load of jobs whose right answers are known, while faults of every kind are thrown at it at random moments.
// Runs anywhere; main.mjs gives it a runtime. The moments and the kinds come from a seed.

/** Every fault, and how a job that asks for it must end. The last are done to the host from outside, by ending one of its workers, or
 * of its child processes. */
export const FAULTS = {
  panic: 'KERNEL_PANIC',
  panicElsewhere: 'KERNEL_PANIC',
  error: 'KERNEL_ERROR',
  trap: 'KERNEL_CRASH',
  trapElsewhere: 'KERNEL_CRASH',
  recursion: 'KERNEL_CRASH',
  stackOverflow: 'KERNEL_CRASH',
  outOfMemory: 'OUT_OF_MEMORY',
  never: 'TimeoutError',
  endless: 'TimeoutError',
  killThread: undefined,
  killCoordinator: undefined,
  killProcess: undefined,
};

/** Those of hosts that have no child processes. */
export const WITHIN_ONE = Object.keys(FAULTS).filter((kind) => kind !== 'killProcess');
/** Those of hosts that have them: their workers are out of reach. */
export const AMONG_PROCESSES = Object.keys(FAULTS).filter((kind) => !/^kill(Thread|Coordinator)$/.test(kind));

/** Jobs that are always under way beside the faults. */
const BESIDE = 50;
/** Faults from which a host has not yet recovered, at most: on a slow machine they would else come faster than it can start again. */
const AT_ONCE = 3;
/** How long a host waits for the start of an instance. In a page this is also how it notices that a worker was ended before it had loaded. */
const START_TIMEOUT_MS = 20_000;
/** A job that has no answer after so long hangs: two starts may have failed meanwhile, each only noticed by its bound. */
const HANG_MS = 3 * START_TIMEOUT_MS;

/** Random numbers from 0 to 1 by a seed (mulberry32). */
export function randomBy(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

const percentile = (sorted, fraction) => (sorted.length === 0 ? 0 : sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * fraction) - 1)]);
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * Throws faults at a host until so many jobs are answered and so many faults were thrown.
 *
 * @param {{
 *   createHost: Function, kill: (kind: 'coordinator' | 'thread' | 'process', random: () => number) => boolean, seed: number, jobs: number, faults?: number, kinds?: string[],
 *   log?: (line: string) => void,
 * }} options kill: ends one of the host's workers or processes from outside
 */
export async function chaos({ createHost, kill, seed, jobs, faults = 0, kinds = WITHIN_ONE, log = () => {} }) {
  const random = randomBy(seed);
  const host = await createHost({ threads: 4, concurrency: 3, grace: 150, maxMemory: 2 ** 29, startTimeout: START_TIMEOUT_MS });
  const report = { seed, jobs: 0, answered: 0, wrong: 0, lost: 0, doubled: 0, hung: 0, restarts: 0, retries: 0, faults: {}, recovery_ms: { p50: 0, p99: 0 } };
  const recoveries = [];
  const complaints = [];
  const complain = (what) => {
    if (complaints.length < 20) complaints.push(what);
  };
  let kills = 0;
  let killedAt = 0;
  let killsSinceAnswer = 0;
  let faultsOpen = 0;
  let crashedAt = 0;
  host.on('crash', () => {
    crashedAt ||= performance.now();
  });

  // The right answers, by the host itself before anything happens to it; their bits are checked against other implementations elsewhere.
  const view = { width: 60, height: 40, centerX: -0.7, centerY: 0.1, span: 2.5, maxIterations: 300 };
  const expectedCounts = (await host.run('mandelbrot', view)).counts;
  const numbers = Float32Array.from({ length: 5000 }, () => random() * 1000);
  const expectedSorted = Float32Array.from(numbers).sort();
  const same = (a, b) => a.length === b.length && a.every((value, index) => value === b[index]);

  const open = new Set();
  /** Starts a job and settles its account once it is answered. */
  function start(run, check) {
    report.jobs += 1;
    let answers = 0;
    const begun = performance.now();
    const job = run();
    const entry = { begun, kernel: job.kernel };
    open.add(entry);
    const account = (problem, output) => {
      answers += 1;
      if (answers > 1) report.doubled += 1;
      else report.answered += 1;
      if (problem) complain(problem);
      open.delete(entry);
      if (output && begun >= killedAt) killsSinceAnswer = 0;
      if (output && crashedAt > 0 && begun >= crashedAt) {
        recoveries.push(performance.now() - crashedAt);
        crashedAt = 0;
      }
    };
    return job.then(
      (output) => account(check(output), output),
      (error) => account(check(undefined, error)),
    );
  }

  const healthy = [
    () => start(() => host.run('noop', {}), (output, error) => verdict(output && Object.keys(output).length === 0, error, 'noop')),
    () => {
      const data = Uint8Array.from({ length: 1 + Math.floor(random() * 5000) }, () => random() * 255);
      const spin = Math.floor(random() * 1500);
      return start(() => host.run('fault', { how: 'none', spin, data }), (output, error) => verdict(output && output.spin === spin && same(output.data, data.map((byte) => byte + 1)), error, 'fault none'));
    },
    // Of every way that an array can go: through the control block or the coordinator, copied, moved or lent.
    () => {
      const data = Float64Array.from({ length: Math.floor(random() ** 4 * 30_000) }, () => random());
      const sent = data.slice();
      const output = random() < 0.5 ? 'shared' : 'copy';
      let job;
      return start(
        () => (job = host.run('noop', { data: sent }, { output, ...(random() < 0.3 && { transfer: [sent.buffer] }) })),
        (answer, error) => {
          const said = verdict(answer && same(answer.data, data), error, 'noop with an array');
          job.release();
          return said;
        },
      );
    },
    () => start(() => host.run('mandelbrot', view), (output, error) => verdict(output && same(output.counts, expectedCounts), error, 'mandelbrot')),
    () => start(() => host.run('sort', { data: numbers }), (output, error) => verdict(output && same(output.data, expectedSorted), error, 'sort')),
    // Now and then one is cancelled by its caller.
    () => {
      const controller = new AbortController();
      setTimeout(() => controller.abort(), random() * 10);
      return start(() => host.run('fault', { how: 'none', spin: 800 }, { signal: controller.signal }), (output, error) => (error && error.name !== 'AbortError' ? verdict(false, error, 'aborted') : undefined));
    },
  ];

  function verdict(right, error, what) {
    if (error) {
      report.lost += 1;
      return `${what} failed: ${error.code ?? error.name}: ${error.message}${error.cause?.stack ? `\n${error.cause.stack}` : ''}`;
    }
    if (right) return undefined;
    report.wrong += 1;
    return `${what} gave a wrong answer`;
  }

  function inject(kind) {
    report.faults[kind] = (report.faults[kind] ?? 0) + 1;
    if (kind.startsWith('kill')) {
      kills += 1;
      killsSinceAnswer += 1;
      killedAt = performance.now();
      return void kill(kind.slice(4).toLowerCase(), random);
    }
    const expected = FAULTS[kind];
    const killsBefore = kills;
    const options = expected === 'TimeoutError' ? { timeout: 5 + random() * 50 } : {};
    faultsOpen += 1;
    void start(
      () => host.run('fault', { how: kind, spin: Math.floor(random() * 500) }, options),
      (output, error) => {
        const got = error ? (error.name === 'TimeoutError' ? error.name : error.code) : 'an output';
        if (got === expected) return undefined;
        // One whose worker was ended twice from outside is taken for the cause, and not run a third time.
        if (['KERNEL_CRASH', 'PROCESS_LOST'].includes(got) && kills >= killsBefore + 2) return undefined;
        report.wrong += 1;
        return `a fault of kind ${kind} ended in ${got} (${error?.message}), not ${expected}`;
      },
    ).then(() => {
      faultsOpen -= 1;
    });
  }

  let faultAt = performance.now() + 50;
  let told = performance.now();
  const thrown = () => Object.values(report.faults).reduce((sum, count) => sum + count, 0);
  while (report.answered < jobs || thrown() < faults) {
    while (open.size < BESIDE) void healthy[Math.floor(random() * healthy.length)]();
    if (performance.now() >= faultAt && faultsOpen + killsSinceAnswer < AT_ONCE) {
      // The next fault comes at any moment, also while the host is still busy with the last.
      inject(kinds[Math.floor(random() * kinds.length)]);
      faultAt = performance.now() + 20 + random() * 180;
    }
    if (performance.now() - told > 5000) {
      told = performance.now();
      log(`${report.answered} of ${jobs} answered, ${thrown()} faults, ${host.stats().restarts} restarts${globalThis.process ? `, ${Math.round(process.memoryUsage.rss() / 1e6)} MB` : ''}`);
    }
    await pause(1 + random() * 4);
    const oldest = Math.min(...[...open].map(({ begun }) => begun));
    if (performance.now() - oldest > HANG_MS) break;
  }
  // The others of them too have no longer than that.
  const hangs = ({ begun }) => performance.now() - begun > HANG_MS;
  while (open.size > 0 && ![...open].every(hangs)) await pause(5);
  report.hung = open.size;
  for (const { kernel, begun } of open) complain(`a job of ${kernel} has no answer after ${Math.round(performance.now() - begun)} ms`);

  const stats = host.stats();
  report.restarts = stats.restarts;
  report.retries = stats.retries;
  // What the host has counted: each job once. (The first one gave the right answer.)
  report.doubled += Math.max(0, stats.done + stats.failed + stats.cancelled - report.jobs - 1);
  recoveries.sort((a, b) => a - b);
  report.recovery_ms = { p50: percentile(recoveries, 0.5), p99: percentile(recoveries, 0.99) };
  if (report.hung === 0) await host.close();
  return { ...report, complaints };
}
