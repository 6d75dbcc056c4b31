// `loomwork test`: a crate's tests natively, in Node and in browsers.
import { spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import sirv from 'sirv';
import { findCrate, type Crate } from '../crate/crate.ts';
import { BuildError } from '../crate/errors.ts';
import { needToolchain } from '../crate/toolchain.ts';
import { toolEnv } from '../crate/tools.ts';
import { FailedError } from '../formats/errors.ts';
import { BROWSERS, findBrowser, openPage, type BrowserName } from './browsers.ts';
import { buildCrate, step, withBuildOptions, type BuildOptions } from './crate.ts';
import { ISOLATION } from './demo.ts';
import { listenForInterrupt } from './interrupt.ts';
import { writeStdout } from './streams.ts';
import { duration, paletteFor } from './terminal.ts';

const KINDS = ['native', 'node', 'browser'] as const;
type Kind = (typeof KINDS)[number];

interface TestOptions extends BuildOptions {
  only?: Kind[];
  browser?: BrowserName[];
  build: boolean;
  open?: boolean;
  timeout: number;
}

/** What tests/page.html posts to /results. */
interface PageResults {
  results: { name: string; error?: string }[];
  backend?: string;
  why?: string;
}

type Outcome = { name: string; passed: boolean; note: string } | { name: string; skipped: string };

const HELP = `
native    cargo test
node      node --test, of every tests/*.test.mjs
browser   tests/page.html, served with the headers for threads, in every browser
          that is found: the page posts {results: [{name, error?}]} to /results

A browser that is not there is skipped, and said so; with --browser it must be.

Examples:
  loomwork test
  loomwork test --only native            while the kernel is being written
  loomwork test --only browser --browser chromium
  loomwork test --open                   serves the page for your own browser`;

export function testCommand(): Command {
  return withBuildOptions(new Command('test'))
    .summary('test a crate of your own kernels: natively, in Node, in browsers')
    .description('Builds the crate in this folder, or above it, and runs its tests natively, in Node and in browsers.')
    .addOption(new Option('--only <KIND...>', 'run only these').choices(KINDS))
    .addOption(new Option('--browser <NAME...>', 'browsers that must be there and pass').choices(BROWSERS))
    .option('--no-build', 'test the package as it is')
    .option('--open', 'serve tests/page.html until Ctrl-C instead')
    .option('--timeout <S>', 'seconds that a page may take', seconds, 120)
    .addHelpText('after', HELP)
    .action(test);
}

async function test(options: TestOptions): Promise<void> {
  const kinds = options.only ?? KINDS;
  await needToolchain(options.install ? step : undefined);
  const crate = await findCrate(process.cwd());
  if (options.open) return open(crate, options);
  const outcomes: Outcome[] = [];
  // First what takes the least time to fail.
  if (kinds.includes('native')) outcomes.push(await native(crate));
  if (kinds.includes('node') || kinds.includes('browser')) {
    await need(crate, options);
    if (kinds.includes('node')) outcomes.push(await node(crate));
    if (kinds.includes('browser')) outcomes.push(...(await browsers(crate, options)));
  }
  await report(outcomes);
}

async function need(crate: Crate, options: TestOptions): Promise<void> {
  if (options.build) await buildCrate(options);
  else if (!existsSync(join(crate.dir, options.out, 'node.js'))) throw new FailedError(`there is no package in ${join(crate.dir, options.out)}: run 'loomwork build', or leave --no-build out`);
}

async function native(crate: Crate): Promise<Outcome> {
  return run('native', 'cargo', ['test', '--package', crate.id], crate.dir);
}

async function node(crate: Crate): Promise<Outcome> {
  const folder = join(crate.dir, 'tests');
  const files = existsSync(folder) ? readdirSync(folder).filter((file) => file.endsWith('.test.mjs')) : [];
  if (files.length === 0) return { name: 'node', skipped: 'there is no tests/*.test.mjs' };
  return run('node', process.execPath, ['--test', ...files.map((file) => join('tests', file))], crate.dir);
}

/** Runs a program that shows its own output. */
async function run(name: string, program: string, args: string[], cwd: string): Promise<Outcome> {
  const begun = performance.now();
  const child = spawn(program, args, { cwd, env: toolEnv(), stdio: ['ignore', 'inherit', 'inherit'] });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', (error) => reject(new BuildError(`${program} cannot be run: ${error.message}`, '', { cause: error })));
    child.once('close', resolve);
  });
  return { name, passed: code === 0, note: duration(performance.now() - begun) };
}

async function browsers(crate: Crate, { browser, timeout }: TestOptions): Promise<Outcome[]> {
  if (!existsSync(join(crate.dir, 'tests/page.html'))) return [{ name: 'browser', skipped: 'there is no tests/page.html' }];
  const outcomes: Outcome[] = [];
  for (const name of browser ?? BROWSERS) {
    const found = findBrowser(name);
    if ('path' in found) outcomes.push(await page(crate, name, found.path, timeout));
    else outcomes.push(browser ? { name, passed: false, note: found.why } : { name, skipped: found.why });
  }
  return outcomes;
}

async function page(crate: Crate, name: BrowserName, path: string, timeout: number): Promise<Outcome> {
  const begun = performance.now();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`the page told nothing within ${timeout} s: does it post to /results, and do its scripts load?`)), timeout * 1000);
  });
  const server = await serve(crate);
  try {
    const { results = [], backend, why } = await openPage(name, path, server.page, Promise.race([server.results, late]));
    const colours = paletteFor(process.stdout);
    const lines = results.map(({ name: of, error }) => `${error === undefined ? colours.green('✔') : colours.red('✖')} ${name}: ${of}${error === undefined ? '' : `: ${error}`}\n`);
    await writeStdout(lines.join(''));
    const passed = results.length > 0 && results.every(({ error }) => error === undefined);
    const where = backend === undefined ? '' : `, backend ${backend}${backend === 'threads' ? '' : ` (${why})`}`;
    return { name, passed, note: `${duration(performance.now() - begun)}${where}${results.length === 0 ? ', no results' : ''}` };
  } catch (error) {
    return { name, passed: false, note: (error as Error).message };
  } finally {
    clearTimeout(timer);
    await server.close();
  }
}

/** Serves the crate's folder on this machine, with what a page needs for threads; hears of the results. */
async function serve(crate: Crate, port = 0): Promise<{ page: string; results: Promise<PageResults>; close(): Promise<unknown> }> {
  const files = sirv(crate.dir, { dev: true });
  let heard: (results: PageResults) => void;
  const results = new Promise<PageResults>((resolve) => (heard = resolve));
  const server = createServer((request, response) => {
    for (const [header, value] of Object.entries({ ...ISOLATION, 'Cache-Control': 'no-store' })) response.setHeader(header, value);
    if (request.method === 'POST' && request.url === '/results') {
      let body = '';
      request.setEncoding('utf8').on('data', (text: string) => (body += text)).on('end', () => {
        response.writeHead(204).end();
        try {
          heard(JSON.parse(body) as PageResults);
        } catch {
          heard({ results: [{ name: 'the page', error: `what it posted to /results is no JSON: ${body.slice(0, 200)}` }] });
        }
      });
      return;
    }
    files(request, response, () => {
      response.writeHead(404, { 'Content-Type': 'text/plain; charset=utf-8' }).end('there is no such file in the crate\n');
    });
  });
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, '127.0.0.1', resolve));
  return {
    page: `http://127.0.0.1:${(server.address() as AddressInfo).port}/tests/page.html`,
    results,
    close: () => {
      const closed = new Promise((resolve) => server.close(resolve));
      // Browsers keep connections open.
      server.closeAllConnections();
      return closed;
    },
  };
}

async function open(crate: Crate, options: TestOptions): Promise<void> {
  await need(crate, options);
  const interrupt = listenForInterrupt();
  const server = await serve(crate);
  await writeStdout(`The tests' page is at ${paletteFor(process.stdout).cyan(server.page)}; Ctrl-C ends it\n`);
  if (!interrupt.signal.aborted) await new Promise((resolve) => interrupt.signal.addEventListener('abort', resolve, { once: true }));
  await server.close();
}

async function report(outcomes: Outcome[]): Promise<void> {
  const colours = paletteFor(process.stdout);
  const lines = outcomes.map((outcome) => {
    if ('skipped' in outcome) return `${colours.yellow('skip')}  ${outcome.name}: ${outcome.skipped}\n`;
    return `${outcome.passed ? colours.green('pass') : colours.red('FAIL')}  ${outcome.name}: ${outcome.note}\n`;
  });
  await writeStdout(`\n${lines.join('')}`);
  const failed = outcomes.filter((outcome) => 'passed' in outcome && !outcome.passed);
  if (failed.length > 0) throw new FailedError(`tests failed: ${failed.map(({ name }) => name).join(', ')}`);
}

function seconds(text: string): number {
  const value = Number(text);
  if (!(value > 0 && value <= 86_400)) throw new InvalidArgumentError('It must be a number of seconds.');
  return value;
}
