// inline.js: an instance for the caller's own thread. Loaded only by the inline backend.
import { ControlTable } from '../shared/control.ts';
import type { Artifact } from '../shared/artifact.ts';
import type { JobEvent, Submission } from '../shared/protocol.ts';
import { glueOf } from '../worker/glue.ts';
import { Instance } from '../worker/instance.ts';

/** Opens the page's one inline instance. */
export function openInline(artifact: Artifact, module: WebAssembly.Module, onEvent: (event: JobEvent) => void) {
  const glue = glueOf(artifact);
  const { memory } = glue.initSync({ module });
  glue.boot();
  const instance = new Instance(glue, memory);
  const table = new ControlTable(memory, glue.controlTable());
  const passOn = () => instance.takeEvents().events.forEach(onEvent);

  return {
    kernels: glue.kernelNames(),
    run(job: Submission, streaming: boolean): void {
      table.clear(job.slot, streaming);
      // Set for each job: hosts share the instance, and each has a listener of its own.
      glue.onEvent(passOn);
      const error = instance.submit(job);
      if (error) onEvent({ id: job.id, kind: 'failed', done: 0, total: 0, error });
      passOn();
    },
  };
}
