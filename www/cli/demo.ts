// `loomwork demo`: serves the demo page, with the headers that let a page use shared memory.
import { existsSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { Command, InvalidArgumentError } from 'commander';
import sirv from 'sirv';
import { PACKAGE_ROOT } from '../formats/catalogue.ts';
import { FailedError } from '../formats/errors.ts';
import { listenReason } from '../server/listen.ts';
import { listenForInterrupt } from './interrupt.ts';
import { writeStdout } from './streams.ts';
import { paletteFor } from './terminal.ts';

const FIRST_PORT = 8080;
/** Ports after the first that are tried when none was asked for. */
const PORTS = 50;

/** What makes a page cross-origin isolated, and lets it load these files then. */
export const ISOLATION = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
  'Cross-Origin-Resource-Policy': 'same-origin',
};

interface DemoOptions {
  port?: number;
  host: string;
  isolation: boolean;
}

export function demoCommand(): Command {
  return new Command('demo')
    .summary('serve the demo page')
    .description('Serves the demo page until Ctrl-C, with the headers that shared-memory threads need.')
    .option('--port <N>', `port to listen at; 0 takes any free one (default: the first free one from ${FIRST_PORT})`, portNumber)
    .option('--host <HOST>', 'address to listen at', '127.0.0.1')
    .option('--no-isolation', 'leave the isolation headers out, to see what a page does without threads')
    .addHelpText('after', '\nExamples:\n  loomwork demo\n  loomwork demo --port 3000\n  loomwork demo --no-isolation\n\nEnds with 0 at Ctrl-C.')
    .action(demo);
}

async function demo({ port, host, isolation }: DemoOptions): Promise<void> {
  const interrupt = listenForInterrupt();
  const server = createServer(serve(isolation));
  await listen(server, host, port);
  const url = urlOf(server.address() as AddressInfo);
  const colours = paletteFor(process.stdout);
  const note = isolation
    ? 'cross-origin isolated: kernels run on shared-memory threads'
    : 'not isolated: no shared memory, kernels run in workers of one thread each';
  await writeStdout(`Loomwork demo at ${colours.cyan(url)}\n${colours.dim(`${note}; Ctrl-C ends it`)}\n${isLoopback(host) ? '' : REMOTE_NOTE}`);
  if (!interrupt.signal.aborted) await new Promise((resolve) => interrupt.signal.addEventListener('abort', resolve, { once: true }));
  const closed = new Promise((resolve) => server.close(resolve));
  // Browsers keep connections open.
  server.closeAllConnections();
  await closed;
}

const REMOTE_NOTE = 'Other machines reach this page over plain HTTP, where browsers give no shared memory: put HTTPS before it.\n';

function serve(isolation: boolean): RequestListener {
  const root = fileURLToPath(new URL('demo/', PACKAGE_ROOT));
  if (!existsSync(`${root}index.html`)) throw new FailedError(`${root}index.html, a file of this package, is missing: install the package again`);
  const headers = { ...(isolation ? ISOLATION : {}), 'Cache-Control': 'no-store', 'X-Content-Type-Options': 'nosniff' };
  // Files are looked up at each request, so that a page that is built again is served as it is.
  const files = sirv(root, { dev: true });
  return (request, response) => {
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.writeHead(405, { Allow: 'GET, HEAD' }).end();
      return;
    }
    files(request, response, () => {
      response.writeHead(404, { 'Content-Type': 'text/plain; charset=utf-8' }).end('there is no such file in the demo\n');
    });
  };
}

async function listen(server: Server, host: string, port: number | undefined): Promise<void> {
  const last = port ?? FIRST_PORT + PORTS;
  for (let candidate = port ?? FIRST_PORT; ; candidate += 1) {
    try {
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen(candidate, host, () => {
          server.off('error', reject);
          resolve();
        });
      });
      return;
    } catch (error) {
      server.removeAllListeners('error');
      const { code, message } = error as NodeJS.ErrnoException;
      if (code === 'EADDRINUSE' && candidate < last) continue;
      throw new FailedError(`cannot listen at ${host}:${candidate}: ${listenReason(code, message)}`, { cause: error });
    }
  }
}

function urlOf({ address, family, port }: AddressInfo): string {
  return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}/`;
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.');
}

function portNumber(text: string): number {
  const port = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!(port <= 65_535)) throw new InvalidArgumentError('It must be a port number from 0 to 65535.');
  return port;
}
