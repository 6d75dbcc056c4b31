// The suite `dispatch`: what it costs to hand a job over, measured with jobs that do nothing.

export const IN_FLIGHT = 64;
const BURST = 1000;
/** Each sample is taken for about so long. */
const SAMPLE_MS = 400;
const WARM_UPS = 20;

type Run = () => PromiseLike<unknown>;

export interface Measure {
  /** Its cases and their units. */
  cases: Record<string, 'µs' | 'jobs/s'>;
  /** One value for each case. */
  sample(run: Run): Promise<number[]>;
}

export const dispatchMeasures: Measure[] = [
  {
    cases: { 'sequential p50': 'µs', 'sequential p99': 'µs' },
    async sample(run) {
      const times = [];
      const until = performance.now() + SAMPLE_MS;
      while (performance.now() < until) {
        const begun = performance.now();
        await run();
        times.push((performance.now() - begun) * 1000);
      }
      times.sort((a, b) => a - b);
      return [times[Math.floor(times.length * 0.5)]!, times[Math.floor(times.length * 0.99)]!];
    },
  },
  {
    cases: { burst: 'jobs/s' },
    sample: (run) => perSecond(async () => (await Promise.all(Array.from({ length: BURST }, run))).length),
  },
  {
    cases: { [`inflight ${IN_FLIGHT}`]: 'jobs/s' },
    async sample(run) {
      const lanes = await Promise.all(Array.from({ length: IN_FLIGHT }, () => perSecond(async () => run().then(() => 1))));
      return [lanes.reduce((sum, [rate]) => sum + rate!, 0)];
    },
  },
];

async function perSecond(some: () => Promise<number>): Promise<number[]> {
  let jobs = 0;
  const begun = performance.now();
  while (performance.now() - begun < SAMPLE_MS) jobs += await some();
  return [(jobs / (performance.now() - begun)) * 1000];
}

/** Until all is started and compiled. */
export async function warmUp(run: Run): Promise<void> {
  for (let round = 0; round < WARM_UPS; round += 1) await Promise.all(Array.from({ length: BURST }, run));
  const until = performance.now() + SAMPLE_MS;
  while (performance.now() < until) await run();
}
