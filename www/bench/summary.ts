// What the rows of the suite `kernels` say: ratios for each case, and their means over the kernels.
import { casesOf, faster, IN_PLACE, INLINE, kernelOf, OURS, type Kind, type Row } from './rows.ts';

/** A kernel that has less than this of native speed is listed. */
export const LEAST_OF_NATIVE = 0.6;

export interface CaseSummary {
  name: string;
  kernel: string;
  /** The most threads, and ours on them and on one. */
  threads: number;
  ours: Row;
  one: Row | undefined;
  /** Our speed ÷ that of the same Rust without wasm, both on all threads, and both without copies in and out where that was measured. */
  ofNative: number | undefined;
  /** The same, with ours copying in and out. */
  ofNativeCopied: number | undefined;
  /** As `ofNative`, of the Rust that was compiled for this machine's own features. */
  ofNativeCpu: number | undefined;
  /** Speed on all threads ÷ speed on one. */
  scaling: number | undefined;
  nativeScaling: number | undefined;
  /** The best of a kind, and how many times its speed ours is, both on whatever they have. */
  portable: Rival | undefined;
  addon: Rival | undefined;
  /** The best portable one that has one thread, and ours on one. */
  portableOne: Rival | undefined;
  /** The same with ours on the caller's own thread, as it is. */
  portableInline: Rival | undefined;
}

export interface Rival {
  row: Row;
  ratio: number;
}

export interface Summary {
  cases: CaseSummary[];
  kernels: KernelSummary[];
  /** Geometric means over the kernels. */
  ofNative: number | undefined;
  ofNativeCopied: number | undefined;
  ofNativeCpu: number | undefined;
  scaling: number | undefined;
  /** Our scaling ÷ native's. */
  ofNativeScaling: number | undefined;
  portable: number | undefined;
  /** Kernels under LEAST_OF_NATIVE, the slowest first. */
  slow: KernelSummary[];
}

/** Geometric means over the cases of a kernel. */
export interface KernelSummary {
  kernel: string;
  ofNative: number | undefined;
  ofNativeCopied: number | undefined;
  ofNativeCpu: number | undefined;
  scaling: number | undefined;
  ofNativeScaling: number | undefined;
  portable: number | undefined;
}

export function summarize(rows: readonly Row[]): Summary {
  const cases = casesOf(rows.filter(({ suite }) => suite === 'kernels')).flatMap(({ name, rows: mine }) => summarizeCase(name, mine) ?? []);
  const names = [...new Set(cases.map(({ kernel }) => kernel))];
  const kernels = names.map((kernel): KernelSummary => {
    const mine = cases.filter((item) => item.kernel === kernel);
    return {
      kernel,
      ofNative: mean(mine.map(({ ofNative }) => ofNative)),
      ofNativeCopied: mean(mine.map(({ ofNativeCopied }) => ofNativeCopied)),
      ofNativeCpu: mean(mine.map(({ ofNativeCpu }) => ofNativeCpu)),
      scaling: mean(mine.map(({ scaling }) => scaling)),
      ofNativeScaling: mean(mine.map(({ scaling, nativeScaling }) => divided(scaling, nativeScaling))),
      portable: mean(mine.map(({ portable }) => portable?.ratio)),
    };
  });
  const over = (key: Exclude<keyof KernelSummary, 'kernel'>) => mean(kernels.map((kernel) => kernel[key]));
  return {
    cases,
    kernels,
    ofNative: over('ofNative'),
    ofNativeCopied: over('ofNativeCopied'),
    ofNativeCpu: over('ofNativeCpu'),
    scaling: over('scaling'),
    ofNativeScaling: over('ofNativeScaling'),
    portable: over('portable'),
    slow: kernels.filter(({ ofNative }) => ofNative !== undefined && ofNative < LEAST_OF_NATIVE).sort((a, b) => a.ofNative! - b.ofNative!),
  };
}

function summarizeCase(name: string, rows: readonly Row[]): CaseSummary | undefined {
  const threads = Math.max(...rows.filter(({ kind }) => kind === 'ours').map((row) => row.threads));
  const at = (impl: string, count: number) => rows.find((row) => row.impl === impl && row.threads === count);
  const ours = at(OURS, threads);
  if (!ours) return undefined;
  const [one, inline] = [at(OURS, 1), at(INLINE, 1)];
  const ofOne = rows.filter((row) => row.threads === 1);
  const [place, placeOne] = [at(IN_PLACE, threads) ?? ours, at(IN_PLACE, 1) ?? one];
  const [native, nativeCpu, nativeOne] = [at('native', threads), at('native-cpu', threads), at('native', 1)];
  return {
    name,
    kernel: kernelOf(name),
    threads,
    ours,
    one,
    ofNative: native && faster(place, native),
    ofNativeCopied: native && faster(ours, native),
    ofNativeCpu: nativeCpu && faster(place, nativeCpu),
    scaling: threads > 1 && placeOne ? faster(place, placeOne) : undefined,
    nativeScaling: threads > 1 && native && nativeOne ? faster(native, nativeOne) : undefined,
    portable: bestOf(rows, 'portable', ours),
    addon: bestOf(rows, 'addon', ours),
    portableOne: one && bestOf(ofOne, 'portable', one),
    portableInline: inline && bestOf(ofOne, 'portable', inline),
  };
}

/** The fastest of a kind. */
function bestOf(rows: readonly Row[], kind: Kind, ours: Row): Rival | undefined {
  const [best] = rows.filter((row) => row.kind === kind).sort((a, b) => faster(b, a) - 1);
  return best && { row: best, ratio: faster(ours, best) };
}

/** The geometric mean of those that are known. */
function mean(ratios: readonly (number | undefined)[]): number | undefined {
  const known = ratios.filter((ratio) => ratio !== undefined);
  return known.length === 0 ? undefined : Math.exp(known.reduce((sum, ratio) => sum + Math.log(ratio), 0) / known.length);
}

function divided(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? undefined : a / b;
}
