// A report as text: for each case a table by threads, its peers and what the figures say; at the end the means over the kernels.
import { casesOf, higherIsBetter, IN_PLACE, INLINE, OURS, titleOf, type Report, type Row } from './rows.ts';
import { LEAST_OF_NATIVE, summarize, type CaseSummary, type Rival, type Summary } from './summary.ts';

/** Those that have a column of their own: the same kernels on each number of threads. */
const COLUMNS = [OURS, IN_PLACE, INLINE, 'native', 'native-cpu'];

export function textTable(report: Report): string {
  const { rows, left = [], failed = [] } = report;
  const summary = summarize(rows);
  const lines = [heading(report), ''];
  for (const { name, rows: mine } of casesOf(rows)) {
    const found = summary.cases.find((item) => item.name === name);
    lines.push(titleOf(mine[0]!), ...(found ? [...byThreads(mine), ...peers(mine, found), ...told(found)] : plain(mine)), '');
  }
  if (summary.cases.length > 0) lines.push(...means(summary));
  if (left.length > 0) lines.push('left out:', ...left.map((line) => `  ${line}`), '');
  if (failed.length > 0) lines.push('FAILED:', ...failed.map((line) => `  ${line}`), '');
  return lines.join('\n');
}

export function heading({ machine, runtime }: Report): string {
  const memory = machine.memoryGB === undefined ? '' : `, ${machine.memoryGB} GB`;
  return `${machine.cpu}, ${machine.cores} ${machine.cores === 1 ? 'core' : 'cores'}${memory}, ${machine.os}; ${runtime}`;
}

function byThreads(rows: readonly Row[]): string[] {
  const impls = COLUMNS.filter((impl) => rows.some((row) => row.impl === impl));
  const lines = [`  ${'threads'.padEnd(8)}${impls.map((impl) => `${impl} ms`.padStart(26)).join('')}${impls.includes('native') ? 'of native’s speed'.padStart(20) : ''}`];
  for (const threads of new Set(rows.filter(({ impl }) => impls.includes(impl)).map((row) => row.threads))) {
    const at = (impl: string) => rows.find((row) => row.impl === impl && row.threads === threads);
    const [ours, native] = [at(IN_PLACE) ?? at(OURS), at('native')];
    const cells = impls.map((impl) => (at(impl) ? spread(at(impl)!) : '–').padStart(26));
    lines.push(`  ${String(threads).padEnd(8)}${cells.join('')}${ours && native ? ratio(native.median / ours.median).padStart(20) : ''}`);
  }
  return lines;
}

/** Each peer on the threads that it has, beside ours on as many. */
function peers(rows: readonly Row[], { ours, one }: CaseSummary): string[] {
  return rows.filter(({ impl }) => !COLUMNS.includes(impl)).map((row) => {
    const mine = row.threads === 1 && one ? one : ours;
    const name = `${row.impl}${row.kind === 'addon' ? ' (add-on)' : ''}`;
    return `  ${String(row.threads).padEnd(8)}${spread(row).padStart(26)}  ${name}, loomwork on as many ×${ratio(row.median / mine.median)}`;
  });
}

function told({ threads, ofNative, ofNativeCopied, ofNativeCpu, scaling, nativeScaling, portable, portableOne, portableInline, addon }: CaseSummary): string[] {
  const lines = [];
  const shares = [
    ofNative === undefined ? '' : `${ratio(ofNative)} of native’s speed`,
    ofNativeCopied === undefined || ofNativeCopied === ofNative ? '' : `${ratio(ofNativeCopied)} with copies in and out`,
    ofNativeCpu === undefined ? '' : `${ratio(ofNativeCpu)} of native’s with all of this machine’s features`,
  ].filter(Boolean);
  if (shares.length > 0) lines.push(`  on ${counted(threads)}: ${shares.join(', ')}`);
  if (scaling !== undefined) {
    const theirs = nativeScaling === undefined ? '' : `, native ×${ratio(nativeScaling)} (${ratio(scaling / nativeScaling)} of native’s own)`;
    lines.push(`  ${counted(threads)} against 1: loomwork ×${ratio(scaling)}${theirs}`);
  }
  const against = (what: string, rival: Rival | undefined) => rival && lines.push(`  ${what}: ${rival.row.impl}, ${counted(rival.row.threads)}: loomwork ×${ratio(rival.ratio)}`);
  against('best portable peer, ours on all threads', portable);
  against('best portable peer of one thread, ours on one', portableOne);
  against('the same, ours on the caller’s own thread too', portableInline);
  against('best add-on, ours on all threads', addon);
  return lines;
}

function means({ kernels, ofNative, ofNativeCopied, ofNativeCpu, scaling, ofNativeScaling, portable, slow }: Summary): string[] {
  const lines = [`geometric means over ${kernels.length} ${kernels.length === 1 ? 'kernel' : 'kernels'} (of the cases of a kernel first), on all threads`];
  const add = (what: string, value: number | undefined, mark = '') => value !== undefined && lines.push(`  ${what.padEnd(52)}${(mark + ratio(value)).padStart(8)}`);
  add('of native’s speed', ofNative);
  if (ofNativeCopied !== ofNative) add('the same, with copies in and out', ofNativeCopied);
  add('of native’s with all of this machine’s features', ofNativeCpu);
  add('scaling, all threads against 1', scaling, '×');
  add('scaling ÷ native’s scaling', ofNativeScaling);
  add('speed ÷ that of the best portable peer', portable, '×');
  if (ofNative !== undefined) {
    lines.push(`  under ${LEAST_OF_NATIVE} of native’s speed: ${slow.length === 0 ? 'none' : slow.map((kernel) => `${kernel.kernel} ${ratio(kernel.ofNative!)}`).join(', ')}`);
  }
  return [...lines, ''];
}

/** A suite that is not about kernels: each implementation beside ours. */
function plain(rows: readonly Row[]): string[] {
  const ours = rows.find(({ kind }) => kind === 'ours');
  return rows.map((row) => {
    const better = ours && row !== ours ? (higherIsBetter(row.unit) ? ours.median / row.median : row.median / ours.median) : undefined;
    return `  ${row.impl.padEnd(12)}${spread(row).padStart(32)} ${row.unit}${better === undefined ? '' : `   loomwork ×${ratio(better)}`}`;
  });
}

export function spread({ median, min, max, unit }: Row): string {
  const digits = higherIsBetter(unit) && median >= 1000 ? 0 : 1;
  return `${median.toFixed(digits)} (${min.toFixed(digits)}–${max.toFixed(digits)})`;
}

function ratio(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toFixed(2);
}

function counted(threads: number): string {
  return `${threads} ${threads === 1 ? 'thread' : 'threads'}`;
}
