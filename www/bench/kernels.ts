// The suite `kernels` where there is nothing but the package: each case on each number of threads, beside whatever else the place can run.
import type { Case, Params } from './cases.ts';
import { measureInTurn, type Entry } from './measure.ts';
import type { Row } from './rows.ts';
import { difference } from './same.ts';

/** What is used of a host. */
export interface BenchHost {
  run(kernel: string, params: Params, options: { signal?: AbortSignal }): PromiseLike<unknown>;
  close(): Promise<void>;
}

/** Where it is measured: in Node or in a page. */
export interface Place {
  open(threads: number): Promise<BenchHost>;
  input(item: Case): Promise<Params>;
  /** What else is measured on the same params. `ours` gives our own output, to compare with. */
  rivals?(item: Case, params: Params, ours: () => Promise<unknown>): Promise<Entry[]>;
}

export interface KernelsOptions {
  threads: readonly number[];
  runs: number;
  signal?: AbortSignal;
  /** Which case is being measured, of how many, how much of it is done, and what runs. */
  onProgress?(index: number, fraction: number, what: string): void;
  /** A case is measured. */
  onRows?(rows: Row[]): void;
  /** Something was left out. */
  onLeft?(line: string): void;
}

export async function measureKernels(cases: readonly Case[], place: Place, { threads, runs, signal, onProgress, onRows, onLeft }: KernelsOptions): Promise<Row[]> {
  const rows: Row[] = [];
  const hosts = new Map<number, BenchHost>();
  const running = signal ? { signal } : {};
  try {
    for (const count of threads) {
      signal?.throwIfAborted();
      hosts.set(count, await place.open(count));
    }
    const last = hosts.get(threads.at(-1)!)!;
    for (const [index, item] of cases.entries()) {
      const { name, kernel } = item;
      onProgress?.(index, 0, 'making its input');
      const made = await place.input(item);
      signal?.throwIfAborted();
      const params = item.prepare ? await item.prepare(made, (of, given) => last.run(of, given, running)) : made;
      // The first answer, which all others are compared with.
      let first: Promise<unknown> | undefined;
      const ours = () => (first ??= Promise.resolve(last.run(kernel, params, running)));
      const entries = threads.map((count): Entry => ({
        impl: 'loomwork',
        kind: 'ours',
        threads: count,
        run: () => timed(() => hosts.get(count)!.run(kernel, params, running)),
        verify: async ({ output }) => {
          const differs = difference(await ours(), output);
          if (differs !== undefined) throw new Error(`${name}: ${differs} on ${count} threads is another than on ${threads.at(-1)}`);
        },
      }));
      const rivals = (await place.rivals?.(item, params, ours)) ?? [];
      const measured = await measureInTurn([...entries, ...rivals], {
        name,
        runs,
        ...running,
        onRun: (fraction, next) => onProgress?.(index, fraction, next ? `${next.impl}, ${next.threads} ${next.threads === 1 ? 'thread' : 'threads'}` : ''),
        onFailed: ({ impl }, error) => onLeft?.(`${name}: ${impl}: ${error instanceof Error ? error.message : String(error)}`),
      });
      rows.push(...measured);
      onRows?.(measured);
    }
    return rows;
  } finally {
    await Promise.all(Array.from(hosts.values(), (host) => host.close()));
  }
}

/** The time from the call to the answer. */
export async function timed(run: () => PromiseLike<unknown>): Promise<{ ms: number; output: unknown }> {
  const begun = performance.now();
  const output = await run();
  return { ms: performance.now() - begun, output };
}
