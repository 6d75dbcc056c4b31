// One rayon thread: joins the instance's shared memory and waits inside wasm for work until it is ended.
import { trapText } from './instance.ts';
import type { Port, ToWorker } from '../shared/protocol.ts';
import { glueOf } from './glue.ts';

/** Runs the thread; returns when its pool is dropped. */
export function runThread(port: Port, { module, memory, receiver }: ToWorker['thread']): void {
  const glue = glueOf('threads');
  glue.initSync({ module, memory });
  port.post({ type: 'threadReady' });
  try {
    glue.wbg_rayon_start_worker(receiver);
  } catch (thrown) {
    // A trap. Everything that waits for this thread inside wasm would wait for ever, so the caller's thread must hear of it.
    port.post({ type: 'lost', message: trapText(thrown) });
  }
}
