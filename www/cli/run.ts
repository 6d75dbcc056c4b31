// `loomwork run`: one job, from params on the command line to files or the terminal.
import { Command, Option } from 'commander';
import { createHost, type Host, type HostOptions, type Job } from '../host/entry/node.ts';
import { Catalogue, type KernelDescription } from '../formats/catalogue.ts';
import { InterruptedError } from './errors.ts';
import { UsageError } from '../formats/errors.ts';
import { readImage, type AnyHost } from '../formats/images.ts';
import { listenForInterrupt, unlessAborted, type Interrupt } from './interrupt.ts';
import { jsonText } from '../formats/json.ts';
import { wholeNumber } from './numbers.ts';
import { planOutput, type OutputPlan, type WrittenFile } from './output.ts';
import { ProgressBar } from './progress.ts';
import { writeStderr, writeStdout } from './streams.ts';
import { summaryLine } from './summary.ts';
import { canRedraw, counted, duration, paletteFor } from './terminal.ts';
import { Picture, readParams, type Params } from '../formats/values.ts';

/** An interrupted kernel is waited for no longer than this. */
const STOP_GRACE_MS = 1000;
/** Arrays up to this length are printed in full by --json. */
const JSON_ELEMENTS = 10_000;

interface RunOptions {
  param?: string[];
  params?: string;
  out?: string;
  quality?: number;
  backend: NonNullable<HostOptions['backend']>;
  threads: number | 'auto';
  processes?: number;
  redis?: string;
  queue: string;
  timeout?: number;
  json?: boolean;
}

export function runCommand(): Command {
  return new Command('run')
    .summary('run one job')
    .description('Runs one job of a kernel on every core of this machine. `loomwork kernels NAME` shows what a kernel takes and gives.')
    .argument('<kernel>', 'name of the kernel')
    .option('-p, --param <KEY=VALUE>', 'one param; may be given again (see below)', (value: string, all: string[] = []) => [...all, value])
    .option('--params <JSON>', 'all params as one JSON object, or @FILE or @- holding one; -p adds to it and goes before it')
    .option('-o, --out <OUT>', 'where the output goes (see below)')
    .option('--quality <N>', 'quality of an image that is written as a JPEG, 1 to 100', wholeNumber(1, 100))
    .addOption(new Option('--backend <B>', 'where the kernel runs').choices(['auto', 'threads', 'workers', 'inline', 'process', 'queue']).default('auto'))
    .addOption(new Option('--threads <N>', 'threads, of all processes together').argParser(threadCount).default('auto', 'one per core'))
    .option('--processes <N>', 'child processes of the process backend', wholeNumber(1, 64))
    .option('--redis <URL>', 'address of Redis, for the queue backend (or REDIS_URL)')
    .option('--queue <NAME>', 'name of the queue', 'loomwork')
    .option('--timeout <MS>', 'fail when the job takes longer, in milliseconds', wholeNumber(1, 2 ** 31 - 1))
    .option('--json', 'print one JSON object {kernel, output, backend, threads, timing, files}; no progress bar')
    .addHelpText('after', HELP)
    .action(run);
}

const HELP = `
Params:
  KEY=VALUE        read as the kernel's schema says: a number, text, true or
                   false, one of a few words, else JSON
  KEY.INNER=VALUE  a field of an object
  KEY=@FILE        .npy as an array with its shape; .png, .jpg or .webp as an
                   image where the kernel takes one; other files, and these
                   where it takes bytes, as the file's bytes
  KEY=@-           standard input
  KEY=@@TEXT       text that begins with @

Output:
  -o FILE.npy      the output's one array with its shape; an image's is
                   (height, width, 4)
  -o FILE.png      an image; also .jpg and .webp
  -o FILE.bin      the elements as they lie in memory, little-endian
  -o FILE.json     the whole output
  -o FILE          bytes that a kernel gives go into a file of any name
  -o DIR/          a file for each field: .npy, .png or .json
  -o -             standard output: bytes, else .npy, else PNG; JSON when the
                   output has no array
  Fields that are not written are printed as JSON, long arrays shortened. With
  --json an array is {type, shape, length, data}; those of more than
  ${JSON_ELEMENTS} elements, and those written with -o, come without data.

Examples:
  loomwork run hash -p data=@photo.jpg -p algorithm=blake3
  loomwork run sort -p data=@numbers.npy -o sorted.npy
  loomwork run image.resize -p image=@photo.jpg -p width=800 -p height=600 \\
    -o small.webp
  loomwork run mandelbrot --params @view.json -p width=1920 -o counts.npy
  loomwork run sort -p data=@numbers.npy --backend process --processes 4
  loomwork run sort -p data=@numbers.npy --backend queue --redis redis://redis.example

Exit codes:
  0 done, 1 the job failed, 2 wrong use (bad params too), 130 Ctrl-C`;

async function run(name: string, options: RunOptions): Promise<void> {
  const catalogue = await Catalogue.load();
  const kernel = catalogue.kernel(name);
  if (options.json && options.out === '-') throw new UsageError('standard output cannot hold both the output and the --json object', '-o');
  const interrupt = listenForInterrupt();
  const { signal } = interrupt;
  const params = await unlessAborted(readParams(catalogue, kernel, options.param ?? [], options.params), signal);
  const plan = await planOutput(catalogue, kernel, options.out, options.quality);
  const bar = !options.json && canRedraw(process.stderr) ? new ProgressBar(process.stderr, name) : undefined;
  try {
    const { backend, threads, processes, queue } = options;
    const redis = options.redis ?? process.env['REDIS_URL'] ?? 'redis://127.0.0.1:6379';
    if (options.redis !== undefined && backend !== 'queue') throw new UsageError('only --backend queue needs Redis', '--redis');
    if (processes !== undefined && backend !== 'process') throw new UsageError('only --backend process has child processes', '--processes');
    const host = (await unlessAborted(createHost({ backend, threads, ...(processes !== undefined && { processes }), ...(backend === 'queue' && { queue: { redis, name: queue } }) }), signal)) as Host as unknown as AnyHost;
    plan.checkHost(host);
    if (host.backend === 'inline') interrupt.release();
    await decodePictures(params, host, signal);
    const result = await execute(host, kernel, params, options, interrupt, bar);
    const files = await unlessAborted(plan.write(host, result.output, signal), signal);
    bar?.end();
    await report(host, kernel, plan, result, files, options);
    await host.close();
  } finally {
    bar?.end();
    interrupt.release();
  }
}

interface Result {
  output: Record<string, unknown>;
  timing: { queued: number; running: number };
}

async function execute(host: AnyHost, kernel: KernelDescription, params: Params, { timeout }: RunOptions, { signal }: Interrupt, bar: ProgressBar | undefined): Promise<Result> {
  bar?.started(host.threads);
  const job = host.run(kernel.name, params, {
    signal,
    transfer: buffersOf(params),
    ...(timeout !== undefined && { timeout }),
    ...(bar && { onProgress: (progress) => bar.update(progress) }),
  });
  try {
    const output = (await job) as Record<string, unknown> | null;
    return { output: output ?? {}, timing: job.timing };
  } catch (error) {
    throw error instanceof InterruptedError ? await interrupted(job, error) : error;
  }
}

/** Lets the kernel stop by itself, for a moment; the process ends whether it has or not. */
async function interrupted(job: Job, { signal }: InterruptedError): Promise<InterruptedError> {
  const { fraction, total } = job.progress;
  const how = total > 0 ? ` at ${Math.floor(fraction * 100)}%` : '';
  await Promise.race([job.stopped, new Promise((resolve) => setTimeout(resolve, STOP_GRACE_MS))]);
  return new InterruptedError(signal, `${job.kernel}: interrupted after ${duration(job.timing.running)}${how}`);
}

/** Puts the pixels in the place of each picture; pictures are fields of params or of objects in them. */
async function decodePictures(params: Params, host: AnyHost, signal: AbortSignal): Promise<void> {
  for (const [key, value] of Object.entries(params)) {
    if (value instanceof Picture) params[key] = await readImage(host, value.input, value.field, signal);
    else if (typeof value === 'object' && value !== null && !ArrayBuffer.isView(value) && !Array.isArray(value)) await decodePictures(value as Params, host, signal);
  }
}

/** The buffers of every array in the params: they were read for this job, so it may have them without a copy. */
function buffersOf(value: unknown, found = new Set<ArrayBuffer>()): ArrayBuffer[] {
  if (ArrayBuffer.isView(value)) {
    if (value.buffer instanceof ArrayBuffer) found.add(value.buffer);
  } else if (typeof value === 'object' && value !== null) {
    for (const inner of Object.values(value)) buffersOf(inner, found);
  }
  return [...found];
}

async function report(host: AnyHost, { name }: KernelDescription, plan: OutputPlan, { output, timing }: Result, files: WrittenFile[], { json }: RunOptions): Promise<void> {
  if (json) {
    const shown = Object.entries(output).map(([field, value]) => [field, plan.covers(field) ? jsonText(value, -1) : jsonText(value, JSON_ELEMENTS)] as const);
    const rest = jsonText({ backend: host.backend, threads: host.threads, timing, files });
    const fields = shown.map(([field, text]) => `${JSON.stringify(field)}:${text}`).join(',');
    await writeStdout(`{"kernel":${JSON.stringify(name)},"output":{${fields}},${rest.slice(1)}\n`);
    return;
  }
  if (!plan.usesStdout) {
    const lines = Object.entries(output).filter(([field]) => !plan.covers(field)).map(([field, value]) => `${summaryLine(field, value)}\n`);
    await writeStdout(lines.join(''));
  }
  const colours = paletteFor(process.stderr);
  for (const { path, bytes } of files) await writeStderr(`wrote ${path} (${bytes.toLocaleString('en')} bytes)\n`);
  const place = `(${host.backend} backend, node ${process.version})`;
  const where = host.backend === 'queue' ? 'by the workers of the queue' : `on ${counted(host.threads, 'thread')}`;
  await writeStderr(`${colours.green(name)}: ${duration(timing.running)} ${where} ${colours.dim(place)}\n`);
}

function threadCount(text: string): number | 'auto' {
  return text === 'auto' ? 'auto' : wholeNumber(1, 256)(text);
}
