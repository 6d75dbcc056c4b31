// The `inline` backend: an instance on the caller's own thread, which it blocks while a job runs. For places without workers, and to see what
// they are good for.
import type { Artifact } from '../shared/artifact.ts';
import type { Runtime } from '../runtime/runtime.ts';
import type { Engine, EngineListener } from './engine.ts';
import type { CheckedHostOptions } from './options.ts';
import { startWithin } from './start.ts';

/**
 * @throws LoomworkError START_FAILED naming the file at fault
 */
export async function startInline(runtime: Runtime, options: CheckedHostOptions, artifact: Artifact, listener: EngineListener): Promise<Engine> {
  return startWithin(options.startTimeout, () => 'the wasm file', async () => {
    const module = await runtime.compile(artifact, options.assets);
    // A file of its own: pages that have workers never load it.
    const { openInline } = (await import('./inline.js' as string)) as typeof import('../entry/inline.ts');
    const { kernels, run } = openInline(artifact, module, (event) => listener.event(event));
    return {
      kernels,
      submit(job, _transfer, streaming) {
        // After the current task, so that the caller holds its job before the job holds the thread.
        void runtime.yield().then(() => {
          try {
            run(job, streaming);
          } catch (thrown) {
            listener.lost(thrown instanceof Error ? thrown.message : String(thrown));
          }
        });
      },
      // Nothing else runs while a job does: it can be cancelled only while it waits.
      cancel: () => {},
      stream: () => {},
      counts: () => undefined,
      keepAlive: () => {},
      close: async () => {},
    } satisfies Engine;
  });
}
