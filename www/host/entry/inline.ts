// inline.js: an instance for the caller's own thread. Loaded only by the inline backend.
import type { Artifact } from '../shared/artifact.ts';
import type { JobEvent, Round, Unit } from '../shared/protocol.ts';
import { glueOf } from '../worker/glue.ts';
import { Instance } from '../worker/instance.ts';
import { LocalInstance } from '../worker/local.ts';

/** Opens the page's one inline instance. */
export async function openInline(artifact: Artifact, module: WebAssembly.Module) {
  const glue = glueOf(artifact);
  const { memory } = await glue.init({ module_or_path: module });
  glue.boot();
  const instance = new Instance(glue, memory);
  const local = new LocalInstance(glue, instance);
  return {
    kernels: glue.kernelNames(),
    shardable: instance.shardable(),
    forget: (id: number) => glue.forget(id),
    run(unit: Unit, streaming: boolean, onEvent: (event: JobEvent) => void): Round | undefined {
      local.onEvent = () => instance.takeEvents().events.forEach(onEvent);
      return local.run(unit, streaming, () => {});
    },
  };
}
