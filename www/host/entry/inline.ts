// inline.js: an instance for the caller's own thread. Loaded only by the inline backend.
import type { Artifact } from '../shared/artifact.ts';
import { glueOf } from '../worker/glue.ts';
import { Instance } from '../worker/instance.ts';
import { SlicedInstance } from '../worker/sliced.ts';

interface Opened {
  kernels: string[];
  instance: SlicedInstance;
}

/** By artifact: each has one, as its glue has. */
const instances: Partial<Record<Artifact, SlicedInstance>> = {};
const opened: Partial<Record<Artifact, Opened>> = {};

/** Opens the one instance of an artifact that this thread can have. */
export async function openInline(artifact: Artifact, module: WebAssembly.Module): Promise<Opened> {
  const instance = (instances[artifact] ??= new SlicedInstance());
  const glue = glueOf(artifact, instance.look);
  const exports = await glue.init({ module_or_path: module });
  return (opened[artifact] ??= open());

  function open(): Opened {
    glue.boot();
    instance.open(glue, new Instance(glue, exports.memory), exports);
    return { kernels: glue.kernelNames(), instance };
  }
}
