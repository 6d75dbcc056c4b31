import type { Artifact } from '../shared/artifact.ts';

/** Where the package's files lie, when not beside its JavaScript. */
export interface Assets {
  /** URL (or, in Node, path) of worker.js. */
  worker?: string | URL;
  /** Node: URL or path of process.node.js, for the `process` backend. */
  process?: string | URL;
  /** URLs (or, in Node, paths) of the wasm artifacts, or the artifacts themselves: each a `WebAssembly.Module`, a type that not every `lib` has. */
  wasm?: Partial<Record<Artifact, string | URL | object>>;
}
