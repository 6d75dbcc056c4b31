// `loomwork serve`: kernels over HTTP, by a cluster of processes that share one port.
import { readFile } from 'node:fs/promises';
import { Command, InvalidArgumentError, Option } from 'commander';
import { fileReason, UsageError } from '../formats/errors.ts';
import { serveOptions, startServer, type ServeOptions, type ServerLog } from '../server/main.ts';
import { wholeNumber } from './numbers.ts';
import { writeStderr, writeStdout } from './streams.ts';
import { paletteFor } from './terminal.ts';

interface Options extends Omit<ServeOptions, 'token' | 'kept' | 'drain'> {
  tokenFile?: string;
}

const HELP = `
Requests:
  POST /v1/jobs/KERNEL         runs a job. Params as a JSON object; or in the
                               query, with one file as the body; or as a form
                               (multipart). The answer is what Accept asks for:
                               JSON, .npy, PNG, JPEG, WebP, bytes, or events
  POST /v1/jobs/KERNEL?async   answers 202 with the job's id
  GET /v1/jobs/ID              its state and progress
  GET /v1/jobs/ID/events       progress, parts and the end, as they come
  GET /v1/jobs/ID/result       the answer, kept for ten minutes
  DELETE /v1/jobs/ID           cancels it
  GET /v1/kernels              the kernels and their params
  GET /openapi.json            all of this, for machines
  GET /healthz, /readyz        whether it lives, whether it takes jobs
  GET /metrics                 for Prometheus
  Failures are application/problem+json with a code.

Signals:
  SIGTERM, Ctrl-C   takes no more requests, answers those that came, and ends
  SIGHUP            restarts one process after the other; no request fails

Examples:
  loomwork serve
  curl http://127.0.0.1:8080/v1/jobs/sort -H 'Content-Type: application/json' \\
    -d '{"data": [3, 1, 2]}'
  curl -F image=@photo.jpg -F width=800 -F height=600 -H 'Accept: image/webp' \\
    http://127.0.0.1:8080/v1/jobs/image.resize -o small.webp
  curl --data-binary @numbers.npy -H 'Content-Type: application/x-npy' \\
    -H 'Accept: application/x-npy' http://127.0.0.1:8080/v1/jobs/sort -o sorted.npy
  loomwork serve --host 0.0.0.0 --port 80 --token-file /run/secrets/token
  loomwork serve --trust-proxy 127.0.0.1 --rate 600 --json`;

export function serveCommand(): Command {
  const { host, port, processes, threads, maxBody, maxQueue, timeout, requestTimeout, rate } = serveOptions();
  return new Command('serve')
    .summary('serve kernels over HTTP')
    .description('Serves kernels over HTTP, by several processes on one port, until Ctrl-C. One that dies is replaced.')
    .option('--port <N>', 'port to listen at; 0 takes any free one', wholeNumber(0, 65_535), port)
    .option('--host <HOST>', 'address to listen at', host)
    .option('--processes <N>', 'processes', wholeNumber(1, 64), processes)
    .option('--threads <N>', 'threads of each process (default: the cores, shared out)', wholeNumber(1, 256))
    .addOption(new Option('--max-body <BYTES>', 'a longer body is refused; as in 500k, 64M').argParser(bytes).default(maxBody, '64M'))
    .option('--max-queue <N>', 'requests that may wait in each process, besides those that run', wholeNumber(0, 1_000_000), maxQueue)
    .option('--timeout <MS>', 'milliseconds that a job may take', wholeNumber(1, 2 ** 31 - 1), timeout)
    .option('--request-timeout <MS>', 'milliseconds that a client may take to send a request', wholeNumber(1, 2 ** 31 - 1), requestTimeout)
    .option('--rate <N>', 'requests that a client may make in a minute, in each process; 0 for any number', wholeNumber(0, 1_000_000_000), rate)
    .option('--trust-proxy <ADDRESSES>', 'proxies before it, whose X-Forwarded-For is believed; as in 127.0.0.1,10.0.0.0/8')
    .option('--token-file <FILE>', 'clients must send the token that this file holds (or LOOMWORK_TOKEN)')
    .addOption(new Option('--log <LEVEL>', 'what is logged').choices(['silent', 'error', 'warn', 'info', 'debug']).default('info'))
    .option('--json', 'log as JSON lines on standard output, every request too')
    .addHelpText('after', HELP)
    .action((options: Partial<Options>) => serve(options, threads));
}

async function serve({ tokenFile, ...given }: Partial<Options>, threads: number): Promise<void> {
  const options = serveOptions({ ...given, ...(given.threads === undefined && given.processes === undefined && { threads }), token: await readToken(tokenFile) });
  const { json } = options;
  const server = await startServer(options, logTo(json, options.log));
  // Before it says that it serves: whoever has read that may signal at once, and a signal that nobody handles kills.
  process.on('SIGHUP', () => void server.reload());
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      void server.stop();
      // A second one does not wait.
      process.once(signal, () => process.exit(130));
    });
  }
  const colours = paletteFor(process.stdout);
  const what = `${options.processes} ${options.processes === 1 ? 'process' : 'processes'} of ${options.threads} ${options.threads === 1 ? 'thread' : 'threads'}`;
  if (json) await writeStdout(`${JSON.stringify({ level: 'info', time: Date.now(), msg: 'serving', url: server.url, processes: options.processes, threads: options.threads })}\n`);
  else await writeStdout(`Loomwork serves kernels at ${colours.cyan(server.url)}\n${colours.dim(`${what}; ${server.url}/openapi.json describes it; Ctrl-C ends it`)}\n`);
  if (options.token === '' && !/^(localhost|127\.|::1$)/.test(options.host)) await writeStderr('Other machines reach this server, and it asks for no token: see --token-file.\n');
  await server.ended;
}

async function readToken(file: string | undefined): Promise<string> {
  if (file === undefined) return process.env['LOOMWORK_TOKEN'] ?? '';
  try {
    const token = (await readFile(file, 'utf8')).trim();
    if (token === '') throw new UsageError(`${file} is empty`, '--token-file');
    return token;
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError(`${file} cannot be read: ${fileReason(error)}`, '--token-file', { cause: error });
  }
}

const LEVELS = ['silent', 'error', 'warn', 'info', 'debug'];

function logTo(json: boolean, level: ServeOptions['log']): ServerLog {
  const colours = paletteFor(process.stderr);
  return ({ msg, level: of, ...more }) => {
    if (LEVELS.indexOf(of) > LEVELS.indexOf(level)) return;
    if (json) void writeStdout(`${JSON.stringify({ level: of, time: Date.now(), msg, ...more })}\n`);
    else void writeStderr(`${colours.dim(new Date().toISOString().slice(11, 19))} ${of === 'info' ? msg : colours.red(msg)}${more['pid'] ? colours.dim(` (pid ${String(more['pid'])})`) : ''}\n`);
  };
}

function bytes(text: string): number {
  const [, number, unit = ''] = /^(\d{1,15})([kMG]?)$/.exec(text) ?? [];
  const value = Number(number) * { '': 1, k: 2 ** 10, M: 2 ** 20, G: 2 ** 30 }[unit]!;
  if (!(value >= 1 && value <= 2 ** 32)) throw new InvalidArgumentError('It must be a number of bytes up to 4G, as in 500k or 64M.');
  return value;
}
