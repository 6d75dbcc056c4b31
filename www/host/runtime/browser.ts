// Browsers: Web Workers, fetch, and shared memory where the page is cross-origin isolated.
import { textOf } from '../shared/errors.ts';
import { soon } from '../shared/turn.ts';
import type { Artifact } from '../shared/artifact.ts';
import type { Assets } from './assets.ts';
import type { InlineModule, Runtime, WorkerHandle, WorkerListener } from './runtime.ts';

// Bundlers find files by the literal form `new URL('./file', import.meta.url)`.
const wasmUrls: Record<Artifact, () => URL> = {
  threads: () => new URL('./loomwork.threads.wasm', import.meta.url),
  simd: () => new URL('./loomwork.simd.wasm', import.meta.url),
  baseline: () => new URL('./loomwork.baseline.wasm', import.meta.url),
};

/** How late the end of a compilation is noticed at most. */
const ALARM_MS = 50;

export const browser: Runtime = {
  name: 'browser',

  cores: () => navigator.hardwareConcurrency || 1,

  whyNotShared() {
    if (typeof SharedArrayBuffer !== 'function') {
      if (globalThis.crossOriginIsolated) return 'this browser has no SharedArrayBuffer, though the page is cross-origin isolated';
      return 'onconnect' in globalThis
        ? 'this browser isolates no shared workers from other origins: run the host in the page, or in a dedicated worker'
        : 'the page is not cross-origin isolated: serve it with the headers ' +
            '"Cross-Origin-Opener-Policy: same-origin" and "Cross-Origin-Embedder-Policy: require-corp"';
    }
    try {
      // A shared memory can be made everywhere; only posting it tells whether it may be shared.
      const { port1 } = new MessageChannel();
      port1.postMessage(new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true }));
      port1.close();
    } catch (thrown) {
      return `memory cannot be shared with workers here (${textOf(thrown)})`;
    }
    return undefined;
  },

  whyNoWorkers: () => (typeof Worker === 'function' ? undefined : 'there are no Web Workers here'),

  async compile(artifact, given) {
    const url = new URL(given ?? wasmUrls[artifact](), location.href);
    let response: Response;
    try {
      response = await fetch(url);
    } catch (thrown) {
      throw new Error(`${url} cannot be fetched: ${textOf(thrown)}`, { cause: thrown });
    }
    if (!response.ok) throw new Error(`${url} answers ${response.status} ${response.statusText}`.trim());
    const type = response.headers.get('content-type') ?? 'none';
    // A worker of WebKit's can sleep through the end of a compilation, for ever: a timer wakes it.
    const alarm = setInterval(() => {}, ALARM_MS);
    try {
      // Streaming needs the right MIME type; other servers' files compile all the same, a little later.
      if (type.startsWith('application/wasm')) return await WebAssembly.compileStreaming(response);
      const bytes = new Uint8Array(await response.arrayBuffer());
      if (!startsAsWasm(bytes)) throw new Error(`the file is not wasm (its MIME type is ${type}): is the path right?`);
      return await WebAssembly.compile(bytes);
    } catch (thrown) {
      throw new Error(`${url} cannot be compiled: ${textOf(thrown)}`, { cause: thrown });
    } finally {
      clearInterval(alarm);
    }
  },

  // A file of its own: pages that have workers never load it.
  async inline() {
    try {
      return (await import('./inline.js' as string)) as InlineModule;
    } catch (thrown) {
      // Service workers import nothing on the way.
      throw new Error(`inline.js cannot be imported here (${textOf(thrown)}): in a service worker, import createHost from "loomwork/service-worker"`, { cause: thrown });
    }
  },

  spawn(name, assets, listener) {
    // The lock by which its death is noticed must be its own.
    const unique = `${name} #${Math.random().toString(36).slice(2, 10)}${(spawned += 1)}`;
    const url = workerUrl(assets);
    if (url.origin !== location.origin) {
      return later(copyOf(url).then((copy) => watch(new Worker(copy, { type: 'module', name: unique }), unique, listener)), listener);
    }
    try {
      return watch(assets.worker === undefined ? startOwn(unique) : new Worker(url, { type: 'module', name: unique }), unique, listener);
    } catch (thrown) {
      // What other browsers tell by an event.
      return later(Promise.reject(thrown), listener);
    }
  },

  async diagnoseWorker(assets) {
    const url = workerUrl(assets);
    let response: Response;
    try {
      response = await fetch(url);
    } catch (thrown) {
      return `${url} cannot be fetched: ${textOf(thrown)}`;
    }
    if (!response.ok) return `${url} answers ${response.status} ${response.statusText}`.trim();
    const type = response.headers.get('content-type') ?? 'none';
    if (!/\b(java|ecma)script\b/.test(type)) return `${url} has the MIME type ${type}, which is not JavaScript: is the path right?`;
    if (url.origin !== location.origin) {
      return `${url} loads, but a worker of a copy of it does not start: does a Content-Security-Policy forbid it (it takes worker-src blob:)?`;
    }
    if (globalThis.crossOriginIsolated && !response.headers.get('cross-origin-embedder-policy')) {
      return `${url} lacks the header "Cross-Origin-Embedder-Policy: require-corp", without which an isolated page may not start it`;
    }
    return `${url} loads, but the worker does not start: does a Content-Security-Policy forbid it (worker-src, or script-src without 'wasm-unsafe-eval')?`;
  },

  yield: () => new Promise((resolve) => soon(resolve)),
  soon,
};

/** Bundlers find a worker by this form. */
const startOwn = (name: string): Worker => new Worker(new URL('./worker.js', import.meta.url), { type: 'module', name });
const workerUrl = ({ worker }: Assets): URL => new URL(worker ?? new URL('./worker.js', import.meta.url), location.href);

/** Copies of scripts of other origins: a worker must begin with a script of its page's own. Kept, for a worker may be started at any time. */
const copies = new Map<string, Promise<string>>();

function copyOf({ href }: URL): Promise<string> {
  let copy = copies.get(href);
  if (!copy) {
    copy = fetch(href).then(async (response) => {
      if (!response.ok) throw new Error('the worker could not be loaded');
      return URL.createObjectURL(new Blob([await response.text()], { type: 'text/javascript' }));
    });
    copies.set(href, copy);
    // What could not be had now may be had later.
    copy.catch(() => copies.delete(href));
  }
  return copy;
}

/** A worker that is on its way, or does not come. */
function later(coming: Promise<WorkerHandle>, listener: WorkerListener): WorkerHandle {
  let there: WorkerHandle | undefined;
  const arrived = coming.then(
    (handle) => {
      there = handle;
    },
    (thrown: unknown) => listener.lost(textOf(thrown)),
  );
  return {
    post(message, transfer) {
      if (there) there.post(message, transfer);
      else void arrived.then(() => there?.post(message, transfer));
    },
    terminate: () => (there ? there.terminate() : arrived.then(() => there?.terminate())),
    keepAlive: () => {},
  };
}

let spawned = 0;

function watch(worker: Worker, lock: string, listener: WorkerListener): WorkerHandle {
  const ended = new AbortController();
  worker.onmessage = ({ data }) => {
    if (data.type === 'alive') waitForDeath(lock, ended.signal, () => listener.lost('the worker died'));
    else listener.message(data);
  };
  worker.onerror = (event) => {
    event.preventDefault();
    listener.lost(event.message || 'the worker could not be loaded');
  };
  worker.onmessageerror = () => listener.lost('a message from the worker could not be read');
  return {
    post: (message, transfer = []) => worker.postMessage(message, transfer),
    terminate: async () => {
      ended.abort();
      worker.onmessage = worker.onerror = worker.onmessageerror = null;
      worker.terminate();
    },
    keepAlive: () => {},
  };
}

/** Its lock is granted to nobody else while the worker lives. */
function waitForDeath(lock: string, signal: AbortSignal, died: () => void): void {
  if (signal.aborted) return;
  navigator.locks.request(lock, { signal }, () => died()).catch(() => {});
}

function startsAsWasm(bytes: Uint8Array): boolean {
  return bytes[0] === 0 && bytes[1] === 0x61 && bytes[2] === 0x73 && bytes[3] === 0x6d;
}
