// What a measurement gives: rows, one for each implementation at each number of threads, and the report that holds them.

/** Ours on arrays as they come: copied in and out. */
export const OURS = 'loomwork';
/** Ours on arrays of `host.alloc`, whose outputs are read where they lie: as native, which finds its inputs and leaves its outputs in its own memory. */
export const IN_PLACE = 'loomwork in place';

/** Ours on the caller's own thread, where peers of one thread run too: backend `inline`, copying in and out. */
export const INLINE = 'loomwork inline';

/** `ours`; `native`: the same Rust without wasm; `portable`: JavaScript or wasm; `addon`: compiled for the machine. */
export type Kind = 'ours' | 'native' | 'portable' | 'addon';

export interface Row {
  suite: string;
  /** Of the suite `kernels`, its first word is the kernel. */
  case: string;
  /** `loomwork`, `native`, `native-cpu` (for the machine's own features), `js` (hand-written), or a package's name. */
  impl: string;
  kind: Kind;
  threads: number;
  /** `ms` and `µs` are better low, `jobs/s` and `requests/s` high. */
  unit: string;
  median: number;
  min: number;
  max: number;
  runs: number;
}

export interface Machine {
  cpu: string;
  cores: number;
  memoryGB?: number;
  os: string;
  date: string;
}

export interface Report {
  machine: Machine;
  runtime: string;
  rows: Row[];
  /** Peers that could not be measured, and why. */
  left?: string[];
  /** Cases of which nothing is known, and why: what should never be. */
  failed?: string[];
}

/** The numbers of threads that are measured: all up to eight, then doubling, and the most. */
export function threadCounts(most: number): number[] {
  const counts = [];
  for (let count = 1; count < most; count += count < 8 ? 1 : count) counts.push(count);
  return [...counts, most];
}

/** How a case is called where cases of several suites stand together. */
export function titleOf({ suite, case: name }: Row): string {
  return suite === 'kernels' ? name : `${suite}: ${name}`;
}

/** The kernel that a case of the suite `kernels` runs. */
export function kernelOf(name: string): string {
  return name.split(/,? /)[0]!;
}

/** Median, least and greatest of some samples. */
export function spreadOf(samples: readonly number[]): Pick<Row, 'median' | 'min' | 'max' | 'runs'> {
  const sorted = [...samples].sort((a, b) => a - b);
  const rounded = (value: number) => Number(value.toPrecision(5));
  return { median: rounded(sorted[sorted.length >> 1]!), min: rounded(sorted[0]!), max: rounded(sorted.at(-1)!), runs: sorted.length };
}

/** How many times as fast `a` is as `b`. */
export function faster(a: Row, b: Row): number {
  return higherIsBetter(a.unit) ? a.median / b.median : b.median / a.median;
}

export function higherIsBetter(unit: string): boolean {
  return unit.endsWith('/s');
}

/** The cases of a report, in the order in which they were measured, each with its rows. */
export function casesOf(rows: readonly Row[]): { name: string; rows: Row[] }[] {
  const cases = new Map<string, Row[]>();
  for (const row of rows) cases.set(row.case, [...(cases.get(row.case) ?? []), row]);
  return Array.from(cases, ([name, mine]) => ({ name, rows: mine }));
}
