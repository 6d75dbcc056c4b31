// Measures implementations of one case side by side: within a round each takes its turn, so that a slow spell of the machine hits all of them.
// Every other round goes backwards: nobody always comes after the same one, whose garbage and caches it would find.
import { spreadOf, type Kind, type Row } from './rows.ts';

export interface Entry {
  impl: string;
  kind: Kind;
  threads: number;
  run(): Promise<Timed>;
  /** Throws when the answer is wrong. */
  verify(answer: Timed): void | Promise<void>;
  /** One whose failure is told and does not end the measurement. */
  optional?: boolean;
}

export interface Timed {
  ms: number;
  output?: unknown;
}

export interface MeasureOptions {
  name: string;
  runs: number;
  signal?: AbortSignal;
  /** Before each run, outside of what is measured. */
  before?(): Promise<void>;
  /** After each run: how much of the case is done, 0 to 1, and which entry comes next. */
  onRun?(fraction: number, next: Entry | undefined): void;
  /** An optional entry has failed. */
  onFailed?(entry: Entry, error: unknown): void;
}

/** Engines compile what is hot meanwhile. */
const WARM_UPS = 2;
/** What takes longer than this is warm after its first run, and is run fewer times. */
const SLOW_MS = 4000;
const SLOW_RUNS = 3;

/** Measures a case: a row for each entry that gave right answers. */
export async function measureInTurn(entries: readonly Entry[], { name, runs, signal, before, onRun, onFailed }: MeasureOptions): Promise<Row[]> {
  let racers: { entry: Entry; runs: number; samples: number[] }[] = [];
  const total = entries.length * (WARM_UPS + runs);
  let done = 0;
  const step = (count: number, next?: Entry) => onRun?.(Math.min(1, (done += count) / total), next);
  for (const entry of entries) {
    signal?.throwIfAborted();
    step(0, entry);
    try {
      const first = await entry.run();
      await entry.verify(first);
      const slow = first.ms > SLOW_MS;
      for (let warmUp = 1; warmUp < WARM_UPS && !slow; warmUp += 1) await entry.run();
      racers.push({ entry, runs: slow ? Math.min(runs, SLOW_RUNS) : runs, samples: [] });
      step(WARM_UPS);
    } catch (error) {
      if (!entry.optional || signal?.aborted) throw error;
      onFailed?.(entry, error);
      step(WARM_UPS + runs);
    }
  }
  for (let round = 0; round < runs; round += 1) {
    for (const racer of round % 2 === 0 ? racers : racers.toReversed()) {
      signal?.throwIfAborted();
      step(0, racer.entry);
      try {
        if (racer.samples.length < racer.runs) {
          await before?.();
          racer.samples.push((await racer.entry.run()).ms);
        }
      } catch (error) {
        if (!racer.entry.optional || signal?.aborted) throw error;
        onFailed?.(racer.entry, error);
        racer.samples = [];
        racer.runs = 0;
      }
      step(1);
    }
  }
  racers = racers.filter(({ samples }) => samples.length > 0);
  return racers.map(({ entry: { impl, kind, threads }, samples }) => ({ suite: 'kernels', case: name, impl, kind, threads, unit: 'ms', ...spreadOf(samples) }));
}
