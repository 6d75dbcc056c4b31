// `loomwork bench`: measures this machine: kernels on one to all threads, and what it costs to hand a job over.
import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { Command, Option } from 'commander';
import { cases, SIZES, type Case, type Size } from '../bench/cases.ts';
import { dispatchMeasures, warmUp } from '../bench/dispatch.ts';
import { measureKernels, type BenchHost } from '../bench/kernels.ts';
import { machine } from '../bench/node/machine.ts';
import { RawWorkers } from '../bench/node/raw.ts';
import { htmlReport } from '../bench/report.ts';
import { spreadOf, threadCounts, type Report, type Row } from '../bench/rows.ts';
import { textTable } from '../bench/table.ts';
import { Catalogue, PACKAGE_ROOT } from '../formats/catalogue.ts';
import { FailedError, fileReason, UsageError } from '../formats/errors.ts';
import { createHost } from '../host/entry/node.ts';
import { checkWritable, writeWhole } from './atomic.ts';
import { listenForInterrupt, unlessAborted } from './interrupt.ts';
import { wholeNumber } from './numbers.ts';
import { ProgressBar } from './progress.ts';
import { writeStderr, writeStdout } from './streams.ts';
import { canRedraw } from './terminal.ts';

interface Options {
  case?: string[];
  runs: number;
  size: Size;
  threads?: number;
  list?: boolean;
  json?: boolean;
  html?: string;
}

const HELP = `
Every case runs on 1, 2, … all threads in turn, so that a slow spell of the
machine hits all of them; medians of --runs, and every answer must be the
same. Times are from the call to the answer, copies included.

--size full      as in the package's README: some minutes, and 2 GB of memory
       light     a quarter of the work
       tiny      only whether it works: times say nothing

Examples:
  loomwork bench                                  all of it, as a table
  loomwork bench --case sort --case "hash blake3" what is in a case's name
  loomwork bench --case dispatch                  jobs that do nothing
  loomwork bench --html report.html               with plots, for a browser
  loomwork bench --json > report.json             {machine, runtime, rows}

Other processes disturb it: close what you can. The demo measures a browser:
loomwork demo, then /bench/.`;

export function benchCommand(): Command {
  return new Command('bench')
    .summary('measure this machine: kernels by threads, dispatch')
    .description('Measures kernels on 1 to all threads of this machine, and what it costs to hand a job over.')
    .option('--case <TEXT>', 'only cases with this in their name; may be given again', (text: string, all: string[] = []) => [...all, text])
    .option('--runs <N>', 'measured runs of each', wholeNumber(1, 1000), 5)
    .addOption(new Option('--size <SIZE>', 'how much each case does (see below)').choices(Object.keys(SIZES)).default('full'))
    .option('--threads <N>', 'the most threads (default: one per core)', wholeNumber(1, 256))
    .option('--list', 'list the cases and end')
    .option('--json', 'print one JSON object {machine, runtime, rows}; no progress bar')
    .option('--html <FILE>', 'write the report as a page too')
    .addHelpText('after', HELP)
    .action(bench);
}

async function bench({ case: only, runs, size, threads = availableParallelism(), list, json, html }: Options): Promise<void> {
  const { kernels } = await Catalogue.load();
  // A package of somebody's own kernels has few of these.
  const all = cases(size).filter(({ kernel }) => kernels.some(({ name }) => name === kernel));
  const dispatch = kernels.some(({ name }) => name === 'noop') ? dispatchMeasures : [];
  if (list) return writeStdout([...all.map(({ name }) => `${name}\n`), ...dispatch.flatMap(dispatchNames).map((name) => `${name}\n`)]);
  const chosen = { kernels: all.filter(({ name }) => matches(name, only)), dispatch: dispatch.filter((measure) => dispatchNames(measure).some((name) => matches(name, only))) };
  const unknown = only?.find((text) => ![...all.map(({ name }) => name), ...dispatch.flatMap(dispatchNames)].some((name) => name.includes(text)));
  if (unknown !== undefined) throw new UsageError(`no case has '${unknown}' in its name: loomwork bench --list tells them`, '--case');
  if (html !== undefined) await checkWritable(html, '--html');
  const interrupt = listenForInterrupt();
  try {
    const rows: Row[] = [];
    const left: string[] = [];
    if (chosen.kernels.length > 0) rows.push(...(await kernelRows(chosen.kernels, { runs, threads, left, bar: !json && canRedraw(process.stderr) }, interrupt.signal)));
    if (chosen.dispatch.length > 0) rows.push(...(await unlessAborted(dispatchRows(chosen.dispatch, threads, runs, interrupt.signal), interrupt.signal)));
    const report: Report = { machine: machine(), runtime: `node ${process.version}`, rows, ...(left.length > 0 && { left }) };
    if (html !== undefined) await writeWhole(html, [htmlReport(report)]);
    await writeStdout(json ? `${JSON.stringify(report)}\n` : `${textTable(report)}\n`);
    if (html !== undefined && !json) await writeStderr(`wrote ${html}\n`);
  } finally {
    interrupt.release();
  }
}

async function kernelRows(chosen: Case[], { runs, threads, left, bar: wanted }: { runs: number; threads: number; left: string[]; bar: boolean }, signal: AbortSignal): Promise<Row[]> {
  const photo = await readPhoto();
  let bar: ProgressBar | undefined;
  let shown = -1;
  const place = {
    open: async (count: number) => (await createHost({ threads: count })) as unknown as BenchHost,
    input: async (item: Case) => item.input(photo),
  };
  try {
    return await measureKernels(chosen, place, {
      threads: threadCounts(threads),
      runs,
      signal,
      onLeft: (line) => left.push(line),
      onProgress(index, fraction) {
        if (!wanted) return;
        if (index !== shown) {
          bar?.end();
          bar = new ProgressBar(process.stderr, `${index + 1}/${chosen.length} ${chosen[index]!.name}`);
          bar.started(threads);
          shown = index;
        }
        bar?.update({ done: fraction, total: 1, fraction });
      },
    });
  } finally {
    bar?.end();
  }
}

async function readPhoto(): Promise<Uint8Array> {
  const path = fileURLToPath(new URL('demo/hubble_deep_field.jpg', PACKAGE_ROOT));
  try {
    return await readFile(path);
  } catch (error) {
    throw new FailedError(`${path}, a file of this package, cannot be read: ${fileReason(error)}; install the package again`, { cause: error });
  }
}

/** A no-op through a host, beside bare messages to as many workers: what is cheapest without one. */
async function dispatchRows(measures: typeof dispatchMeasures, threads: number, runs: number, signal: AbortSignal): Promise<Row[]> {
  const host = (await createHost({ threads })) as unknown as BenchHost;
  const raw = new RawWorkers(threads);
  const impls = [
    { impl: 'loomwork', kind: 'ours' as const, run: (data?: Float32Array) => host.run('noop', data ? { data } : {}, {}) },
    { impl: 'raw', kind: 'portable' as const, run: (data?: Float32Array) => raw.run(data) },
  ];
  const samples = new Map<string, number[]>();
  const key = (name: string, impl: string) => `${name}\n${impl}`;
  try {
    for (const { run } of impls) await warmUp(run);
    for (let round = 0; round < runs; round += 1) {
      for (const measure of measures) {
        for (const { impl, run } of impls) {
          signal.throwIfAborted();
          const values = await measure.sample(run);
          Object.keys(measure.cases).forEach((name, index) => samples.set(key(name, impl), [...(samples.get(key(name, impl)) ?? []), values[index]!]));
        }
      }
    }
  } finally {
    await Promise.all([host.close(), raw.close()]);
  }
  return measures.flatMap((measure) =>
    Object.entries(measure.cases).flatMap(([name, unit]) => impls.map(({ impl, kind }): Row => ({ suite: 'dispatch', case: name, impl, kind, threads, unit, ...spreadOf(samples.get(key(name, impl))!) }))),
  );
}

function dispatchNames({ cases: named }: (typeof dispatchMeasures)[number]): string[] {
  return Object.keys(named).map((name) => `dispatch: ${name}`);
}

function matches(name: string, only: readonly string[] | undefined): boolean {
  return !only || only.some((text) => name.includes(text));
}
