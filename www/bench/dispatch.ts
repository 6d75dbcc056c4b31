// The suite `dispatch`: what it costs to hand a job over, measured with jobs that do nothing, without and with a small array there and back.

export const IN_FLIGHT = 64;
const BURST = 1000;
/** Each sample is taken for about so long. */
const SAMPLE_MS = 400;
const WARM_UPS = 20;

/** Does nothing, or answers with a copy of the array. */
type Run = (data?: Float32Array) => PromiseLike<unknown>;

/** 4 KiB: a frame of sound, a row of a picture. */
const ARRAY = new Float32Array(1024).fill(0.5);

export interface Measure {
  /** Its cases and their units. */
  cases: Record<string, 'µs' | 'jobs/s'>;
  /** One value for each case. */
  sample(run: Run): Promise<number[]>;
}

export const dispatchMeasures: Measure[] = [...measuresOf('', undefined), ...measuresOf('4 KiB ', ARRAY)];

function measuresOf(what: string, data: Float32Array | undefined): Measure[] {
  return [
    {
      cases: { [`${what}sequential p50`]: 'µs', [`${what}sequential p99`]: 'µs' },
      async sample(run) {
        const times = [];
        const until = performance.now() + SAMPLE_MS;
        while (performance.now() < until) {
          const begun = performance.now();
          await run(data);
          times.push((performance.now() - begun) * 1000);
        }
        times.sort((a, b) => a - b);
        return [times[Math.floor(times.length * 0.5)]!, times[Math.floor(times.length * 0.99)]!];
      },
    },
    {
      cases: { [`${what}burst`]: 'jobs/s' },
      sample: (run) => perSecond(async () => (await Promise.all(Array.from({ length: BURST }, () => run(data)))).length),
    },
    {
      cases: { [`${what}inflight ${IN_FLIGHT}`]: 'jobs/s' },
      async sample(run) {
        const lanes = await Promise.all(Array.from({ length: IN_FLIGHT }, () => perSecond(async () => run(data).then(() => 1))));
        return [lanes.reduce((sum, [rate]) => sum + rate!, 0)];
      },
    },
  ];
}

async function perSecond(some: () => Promise<number>): Promise<number[]> {
  let jobs = 0;
  const begun = performance.now();
  while (performance.now() - begun < SAMPLE_MS) jobs += await some();
  return [(jobs / (performance.now() - begun)) * 1000];
}

/** Until all is started and compiled. */
export async function warmUp(run: Run): Promise<void> {
  for (let round = 0; round < WARM_UPS; round += 1) await Promise.all(Array.from({ length: BURST }, (_, index) => run(index % 2 === 0 ? undefined : ARRAY)));
  const until = performance.now() + SAMPLE_MS;
  while (performance.now() < until) {
    await run();
    await run(ARRAY);
  }
}
