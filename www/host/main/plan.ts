// Chooses backend and artifact by what the place can do, once, before anything starts, and says why.
import { exceptions, simd, threads as atomics } from 'wasm-feature-detect';
import { LoomworkError } from '../shared/errors.ts';
import type { Artifact } from '../shared/artifact.ts';
import { ARTIFACTS } from '../shared/package.ts';
import type { Runtime } from '../runtime/runtime.ts';
import type { Backend, CheckedHostOptions } from './options.ts';

/** What a host is going to be. */
export interface Plan {
  backend: Backend;
  artifact: Artifact;
  threads: number;
  /** What was chosen and what to change to get better. */
  why: string;
}

/**
 * @throws LoomworkError UNSUPPORTED when what was asked for cannot be had here
 */
export async function makePlan(options: CheckedHostOptions, runtime: Runtime): Promise<Plan> {
  if (!(await exceptions())) throw unsupported('this runtime has no WebAssembly exceptions (they came with Chrome 95, Firefox 100, Safari 15.2, Node 17)');
  const hasSimd = await simd();
  const noThreads = await whyNoThreads(options, runtime, hasSimd);
  const noWorkers = runtime.whyNoWorkers();

  const backend = chooseBackend(options, runtime, noThreads, noWorkers);
  if (backend === 'threads') {
    const threads = options.threads === 'auto' ? runtime.cores() : options.threads;
    return { backend, artifact: 'threads', threads, why: `${threads} ${threads === 1 ? 'thread' : 'threads'} on shared memory (${runtime.name}, ${runtime.cores()} cores)` };
  }
  if (backend === 'process') {
    const threads = options.threads === 'auto' ? runtime.cores() : options.threads;
    const processes = processesOf(options, runtime);
    const artifact = noThreads === undefined ? 'threads' : unthreaded(hasSimd);
    return { backend, artifact, threads: Math.max(threads, processes), why: `${processes} child processes: backend "process" was asked for` };
  }
  if (backend === 'queue') {
    return { backend, artifact: unthreaded(hasSimd), threads: 1, why: 'workers that take jobs from the queue: backend "queue" was asked for' };
  }
  if (options.artifact === 'simd' && !hasSimd) throw unsupported('artifact "simd" was asked for, and this runtime has no wasm SIMD');
  const artifact = options.artifact === 'baseline' ? 'baseline' : unthreaded(hasSimd);
  const asked = options.backend === backend ? `backend "${backend}" was asked for` : undefined;
  if (backend === 'inline') return { backend, artifact, threads: 1, why: `on the caller's own thread: ${asked ?? noWorkers}` };
  const threads = options.threads === 'auto' ? runtime.cores() : options.threads;
  const workers = threads === 1 ? 'one worker of one thread' : `${threads} workers of one thread each`;
  return { backend, artifact, threads, why: `${workers}: ${asked ?? noThreads}` };
}

/** The artifact of one thread; of a package that has not both, the one that it has. */
function unthreaded(hasSimd: boolean): Artifact {
  if (!hasSimd) return 'baseline';
  return ARTIFACTS.includes('baseline') && !ARTIFACTS.includes('simd') ? 'baseline' : 'simd';
}

/** Cores that a child process should have: fewer waste memory on instances, more lose much when one dies. */
const CORES_PER_PROCESS = 4;

/** How many child processes a host is to have. */
export function processesOf({ processes }: CheckedHostOptions, runtime: Runtime): number {
  return processes ?? Math.min(8, Math.max(2, Math.round(runtime.cores() / CORES_PER_PROCESS)));
}

function chooseBackend({ backend }: CheckedHostOptions, runtime: Runtime, noThreads: string | undefined, noWorkers: string | undefined): Backend {
  if (backend === 'inline') return 'inline';
  if (backend === 'process' || backend === 'queue') {
    if (!runtime.backends?.[backend]) throw unsupported(`backend "${backend}" was asked for, but ${runtime.name} has none: it is for Node`);
    return backend;
  }
  if (backend === 'workers') {
    if (noWorkers) throw unsupported(`backend "workers" was asked for, but ${noWorkers}`);
    return 'workers';
  }
  if (backend === 'threads') {
    if (noThreads) throw unsupported(`backend "threads" was asked for, but ${noThreads}`);
    return 'threads';
  }
  if (!noThreads) return 'threads';
  return noWorkers ? 'inline' : 'workers';
}

async function whyNoThreads({ artifact }: CheckedHostOptions, runtime: Runtime, hasSimd: boolean): Promise<string | undefined> {
  if (artifact !== 'auto' && artifact !== 'threads') return `artifact "${artifact}" was asked for, which has no threads`;
  if (!ARTIFACTS.includes('threads')) return 'this package was built without the artifact "threads"';
  if (!hasSimd) return 'this runtime has no wasm SIMD, which the threads artifact needs';
  const reason = runtime.whyNoWorkers() ?? runtime.whyNotShared();
  if (reason) return reason;
  return (await atomics()) ? undefined : 'this runtime has no wasm threads';
}

function unsupported(message: string): LoomworkError {
  return new LoomworkError({ code: 'UNSUPPORTED', message });
}
