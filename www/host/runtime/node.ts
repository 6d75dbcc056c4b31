// Node, Deno and Bun: worker_threads, files, and shared memory always. Deno's and Bun's own kind of worker starts sooner, but Deno's would keep
// an idle host's process alive.
import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { textOf } from '../shared/errors.ts';
import type { InlineModule, Runtime } from './runtime.ts';

/** The end of a terminated worker is waited for no longer than this. */
const TERMINATE_TIMEOUT_MS = 1000;

export const node: Runtime = {
  name: nameOf(process.versions),
  cores: availableParallelism,
  whyNotShared: () => undefined,
  whyNoWorkers: () => undefined,

  async compile(artifact, url) {
    const path = toPath(url ?? new URL(`./loomwork.${artifact}.wasm`, import.meta.url));
    try {
      return await WebAssembly.compile(await readFile(path));
    } catch (thrown) {
      throw new Error(`${path} cannot be loaded: ${textOf(thrown)}`, { cause: thrown });
    }
  },

  inline: () => import('./inline.js' as string) as Promise<InlineModule>,

  spawn(name, { worker: url }, listener) {
    // Flags of the main thread are not for this one: with --input-type (node -e) or a loader it would not start.
    const worker = new Worker(toUrl(url), { name, execArgv: [] });
    let ended = false;
    worker.on('message', (message) => listener.message(message));
    worker.on('messageerror', (error) => listener.lost(textOf(error)));
    worker.on('error', (error) => listener.lost(textOf(error)));
    worker.on('exit', (code) => {
      if (!ended) listener.lost(`the worker ended by itself with code ${code}`);
    });
    return {
      post: (message, transfer = []) => worker.postMessage(message, transfer),
      terminate: async () => {
        ended = true;
        let timer: NodeJS.Timeout | undefined;
        const bound = new Promise((resolve) => {
          timer = setTimeout(resolve, TERMINATE_TIMEOUT_MS);
        });
        await Promise.race([worker.terminate(), bound]);
        clearTimeout(timer);
      },
      keepAlive: (keep) => (keep ? worker.ref() : worker.unref()),
    };
  },

  async diagnoseWorker({ worker }) {
    const path = toPath(toUrl(worker));
    try {
      await readFile(path);
      return `${path} can be read, but the worker does not start`;
    } catch (thrown) {
      return `${path} cannot be loaded: ${textOf(thrown)}`;
    }
  },

  yield: () => new Promise((resolve) => setImmediate(resolve)),
  soon: (callback) => void setImmediate(callback),
};

/** Deno and Bun also tell the version of Node that they stand in for. */
function nameOf({ bun, deno, node: version }: NodeJS.ProcessVersions): string {
  if (deno) return `deno ${deno}`;
  return bun ? `bun ${bun}` : `node ${version}`;
}

function toUrl(url: string | URL | undefined): URL {
  if (url === undefined) return new URL('./worker.node.js', import.meta.url);
  return url instanceof URL || url.startsWith('file:') ? new URL(url) : pathToFileURL(url);
}

function toPath(url: string | URL): string {
  return url instanceof URL || url.startsWith('file:') ? fileURLToPath(url) : url;
}
