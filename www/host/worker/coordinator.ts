// The coordinator: the worker that owns an instance. It moves jobs in and events out, and never runs a kernel where there are lanes for
// that, so it always hears when something ends. In the single-threaded artifacts it is the only thread and runs the kernel itself.
import { Bell } from '../shared/bell.ts';
import type { Message, Port, Submission, ToWorker } from '../shared/protocol.ts';
import { soon } from '../shared/turn.ts';
import { glueOf, type Glue } from './glue.ts';
import { Instance, lostTo } from './instance.ts';
import { LocalInstance } from './local.ts';
import { paced } from './look.ts';

/** A wait is never longer than this, so that a lost notification costs a delay and not a job. */
const SLEEP_MS = 500;

/** Progress of a job on the only thread is told at most this often. */
const PROGRESS_INTERVAL_MS = 30;
/** Parts that come sooner after others go together: a message takes longer than many a part. */
const PARTS_INTERVAL_MS = 8;

/** Starts an instance and returns what takes its messages. */
export function coordinate(port: Port, order: ToWorker['coordinate']): (message: Message<ToWorker>) => void {
  let onLook = () => {};
  const look = paced(() => void onLook());
  const glue = glueOf(order.artifact, look);
  const { memory } = glue.initSync({ module: order.module, ...(order.memory && { memory: order.memory }) });
  glue.boot();
  const instance = new Instance(glue, memory);
  const ready = { type: 'ready', kernels: glue.kernelNames(), shardable: instance.shardable(), controlTable: glue.controlTable() } as const;
  let heed: (message: Message<ToWorker>) => void;
  if (order.artifact === 'threads') {
    heed = passOn(port, glue, instance, memory as SharedMemory);
    port.post({ ...ready, dispatch: glue.dispatch(), diary: glue.diary(), stack: glue.stackBytes() });
  } else {
    const local = new LocalInstance(glue, instance);
    heed = runHere(port, glue, instance, local);
    onLook = () => local.onEvent(false);
    port.post({ ...ready, stack: 0 });
  }
  return (message) => {
    try {
      heed(message);
    } catch (thrown) {
      // Whatever escapes from wasm is a trap: the caller's thread replaces the instance.
      port.post(lostTo(thrown, 'id' in message ? message.id : undefined));
    }
  };
}

interface SharedMemory extends WebAssembly.Memory {
  readonly buffer: SharedArrayBuffer & ArrayBuffer;
}

/** Hands jobs to the lanes, and passes on what happens whenever the bell has rung. */
function passOn(port: Port, glue: Glue, instance: Instance, memory: SharedMemory): (message: Message<ToWorker>) => void {
  const bell = new Bell(new Int32Array<SharedArrayBuffer>(memory.buffer), glue.coordinatorBell());

  function tell(): void {
    try {
      for (;;) {
        const { events, transfer } = instance.takeEvents();
        if (events.length === 0) break;
        port.post({ type: 'events', events }, transfer);
      }
    } catch (thrown) {
      // Caught here: the job that was handed over last has nothing to do with it.
      port.post(lostTo(thrown));
    }
  }
  async function listen(): Promise<never> {
    for (;;) {
      tell();
      // What has come to this worker meanwhile is heard in between.
      if (instance.rooms.work()) await new Promise<void>(soon);
      else await bell.sleep(SLEEP_MS, () => !instance.hasEvents());
    }
  }
  listen().catch((thrown: unknown) => port.post(lostTo(thrown)));

  return (message) => {
    if (message.type === 'release') glue.release(message.id);
    if (message.type !== 'run') return;
    // Before its arrays take memory: what its caller has released is to be free for them.
    glue.freeReleased!();
    instance.submit(message, () => giveBack(port, message));
    tell();
  };
}

/** Runs each job on this thread, passing on parts and progress on the way. */
function runHere(port: Port, glue: Glue, instance: Instance, local: LocalInstance): (message: Message<ToWorker>) => void {
  let told = 0;
  let posted = 0;

  local.onEvent = (isOver) => {
    const now = performance.now();
    if (!isOver && now - posted < PARTS_INTERVAL_MS) return;
    const progress = now - told >= PROGRESS_INTERVAL_MS ? local.progress() : undefined;
    if (progress) told = now;
    for (let last = progress; ; last = undefined) {
      const { events, transfer } = instance.takeEvents();
      if (last) events.push(last);
      if (events.length === 0) break;
      posted = now;
      port.post({ type: 'events', events }, transfer);
    }
  };
  return (message) => {
    if (message.type === 'forget') glue.forget(message.id);
    if (message.type !== 'unit') return;
    const round = local.run(message, message.streaming, () => giveBack(port, message));
    if (round) port.post({ type: 'round', id: message.id, ...round }, round.shards.flatMap(({ arrays }) => arrays.map(({ buffer }) => buffer as ArrayBuffer)));
  };
}

/** The caller's thread keeps a job's arrays until it is answered, in case that it must run again: those that were moved here go back. */
function giveBack(port: Port, { id, arrays, moved }: Submission): void {
  if (!moved) return;
  const buffers = [...new Set(arrays.map(({ buffer }) => buffer))].filter((buffer) => buffer instanceof ArrayBuffer);
  if (buffers.length > 0) port.post({ type: 'taken', id, buffers }, buffers);
}
