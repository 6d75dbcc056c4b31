// A lane and the threads of its pool: workers that block inside wasm from their start to their end and hear no message meanwhile.
import { lostTo } from './instance.ts';
import type { Port, ToWorker } from '../shared/protocol.ts';
import { glueOf } from './glue.ts';

/** Runs jobs until the lane is told to stop through shared memory. */
export function runLane(port: Port, { module, memory, lane, threads, stack }: ToWorker['lane']): void {
  const glue = glueOf('threads', undefined);
  const wasm = glue.initSync({ module, memory, thread_stack_size: stack });
  glue.openLane(lane, threads);
  block(port, () => glue.runLane(lane), wasm);
}

/** Works in a lane's pool until that is ended. */
export function runThread(port: Port, { module, memory, lane, stack }: ToWorker['thread']): void {
  const glue = glueOf('threads', undefined);
  const wasm = glue.initSync({ module, memory, thread_stack_size: stack });
  block(port, () => {
    if (!glue.runThread(lane)) throw new Error('no pool wanted the thread');
  }, wasm);
}

function block(port: Port, work: () => void, wasm: { __wbindgen_thread_destroy?: () => void }): void {
  port.post({ type: 'waiting' });
  try {
    work();
  } catch (thrown) {
    // A trap. Everything that waits for this thread inside wasm would wait for ever, so the caller's thread must hear of it.
    port.post(lostTo(thrown));
    return;
  }
  // Its stack and thread-local data go back to the instance's memory, which may live on.
  wasm.__wbindgen_thread_destroy?.();
  port.post({ type: 'ended' });
}
