// Edge isolates (workerd): no workers and no files. What is needed is linked in, and compiled before the program starts.
import type { Artifact } from '../shared/artifact.ts';
import type { InlineModule, Runtime } from './runtime.ts';

const NO_WORKERS = 'an edge isolate has no workers';

/** @param modules the artifacts that are linked in */
export function edge(modules: Partial<Record<Artifact, WebAssembly.Module>>, inline: InlineModule): Runtime {
  return {
    name: 'edge isolate',
    cores: () => 1,
    whyNotShared: () => NO_WORKERS,
    whyNoWorkers: () => NO_WORKERS,
    async compile(artifact, url) {
      const module = modules[artifact];
      if (module && url === undefined) return module;
      throw new Error(`an edge isolate compiles no wasm: import the artifact "${artifact}" as a module and give it in assets.wasm`);
    },
    inline: async () => inline,
    spawn() {
      throw new Error(NO_WORKERS);
    },
    diagnoseWorker: async () => NO_WORKERS,
    yield: () => new Promise((resolve) => setTimeout(resolve, 0)),
    soon: (callback) => void setTimeout(callback, 0),
  };
}
