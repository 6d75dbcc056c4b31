// The `threads` backend: one instance over one shared memory, with a coordinator and lanes. All of its workers are started, watched and ended
// from here, by the caller's thread, which itself only reads and writes shared words and messages.
import { decode } from '@msgpack/msgpack';
import { Bell } from '../shared/bell.ts';
import { ControlTable, type Counts } from '../shared/control.ts';
import { textOf, type Failure } from '../shared/errors.ts';
import { CONTROL, DISPATCH, DTYPES, LANE, LANE_STATES, TURNS } from '../shared/generated.ts';
import { INITIAL_PAGES } from '../shared/package.ts';
import { bytesWithPlaces, type Place } from '../shared/place.ts';
import type { FromWorker, JobEvent, Message, Packed, PackedArray } from '../shared/protocol.ts';
import type { Runtime, WorkerHandle } from '../runtime/runtime.ts';
import { Arena, PAGE } from './arena.ts';
import { Diary } from './diary.ts';
import type { End, Engine, EngineListener, Task } from './engine.ts';
import type { CheckedHostOptions } from './options.ts';
import { Ring } from './ring.ts';
import { AFTERMATH_MS, diagnosed, StartingWorker, startWithin, type Fault } from './start.ts';
import type { LaneStats } from './stats.ts';

/** Inputs may take so much of the memory, as a divisor: the rest is for what kernels make. Others are copied into it as their jobs come. */
const RESERVED = 4;

/** A sleep is never longer than this, so that a lost wake-up costs a delay and not a job. */
const SLEEP_MS = 500;
/** A job that has run for so long does not make others wait: they go to the next lane. */
const LONG_MS = 2;
/** Jobs are prefetched for so much time of work, so that lanes need not wait for the caller's thread. */
const AHEAD_MS = 1;
/** Ends are read for no longer than this before the event loop goes on. */
const TURN_MS = 2;
/** A job is hot when it takes less: then it is waited for awake. */
const HOT_MS = 0.03;
/** Without an end for so long, hot or not, the caller's thread sleeps. */
const COOL_MS = 0.5;
/** Lanes get so long to end by themselves. */
const END_MS = 300;
/** Of a job without arrays: making an empty list for each costs as much as looking one up. */
const NO_PLACES: readonly Place[] = [];
/** Of a shorter job the diary tells nothing worth reading at once. */
const WORTH_READING_MS = 1;

/**
 * @throws LoomworkError START_FAILED naming the file or the step at fault
 */
export async function startThreads(
  runtime: Runtime,
  options: CheckedHostOptions,
  module: Promise<WebAssembly.Module>,
  { threads, concurrency, startTimeout }: { threads: number; concurrency: number; startTimeout: number },
  listener: EngineListener,
): Promise<Engine> {
  const { assets } = options;
  const workers: StartingWorker[] = [];
  let stage = 'the wasm file';
  try {
    return await startWithin(startTimeout, () => stage, async () => {
      const memory = shareMemory(options.maxMemory);
      // The workers load while the wasm compiles.
      const coordinator = new StartingWorker(runtime, assets, 'loomwork coordinator');
      workers.push(coordinator);
      const pool = spawnLane(runtime, options, 0, threads);
      workers.push(...pool);
      const compiled = await module;
      stage = 'the coordinator';
      const asked = diagnosed(runtime, assets, coordinator.next('ready'));
      coordinator.handle.post({ type: 'coordinate', artifact: 'threads', module: compiled, memory });
      const ready = await asked;
      stage = 'the threads';
      await openLane(runtime, options, pool, { module: compiled, memory, lane: 0, stack: ready.stack }, (answered) => {
        stage = `the threads (${answered} of ${threads} answered)`;
      });
      return new ThreadsEngine(runtime, options, { module: compiled, memory, ready, threads, concurrency }, coordinator, pool, listener);
    });
  } catch (thrown) {
    for (const worker of workers) void worker.handle.terminate();
    throw thrown;
  }
}

function shareMemory(maxMemory: number): WebAssembly.Memory {
  const maximum = Math.max(INITIAL_PAGES, Math.floor(maxMemory / PAGE));
  return new WebAssembly.Memory({ initial: INITIAL_PAGES, maximum, shared: true });
}

/** Threads of a lane: all for the first, and for each other what its job may expect of the machine beside those before it. */
function widthOf(lane: number, threads: number): number {
  return Math.max(1, Math.floor(threads / (lane + 1)));
}

function spawnLane(runtime: Runtime, { assets }: CheckedHostOptions, lane: number, width: number): StartingWorker[] {
  return Array.from({ length: width }, (_, index) => new StartingWorker(runtime, assets, `loomwork thread ${lane + 1}.${index + 1}`));
}

/** Makes workers a lane: the first of them runs the jobs. */
async function openLane(
  runtime: Runtime,
  { assets }: CheckedHostOptions,
  [first, ...others]: StartingWorker[],
  place: { module: WebAssembly.Module; memory: WebAssembly.Memory; lane: number; stack: number },
  progress: (answered: number) => void,
): Promise<void> {
  let answered = 0;
  const waiting = [first!, ...others].map(async (worker) => {
    const ready = diagnosed(runtime, assets, worker.next('waiting'));
    worker.handle.post(worker === first ? { type: 'lane', ...place, threads: others.length + 1 } : { type: 'thread', ...place });
    await ready;
    answered += 1;
    progress(answered);
  });
  await Promise.all(waiting);
}

/** A lane as its owner holds it. */
interface Lane {
  workers: WorkerHandle[];
  ended: number;
  bell: Bell;
}

interface Start {
  module: WebAssembly.Module;
  memory: WebAssembly.Memory;
  ready: FromWorker['ready'];
  threads: number;
  concurrency: number;
}

class ThreadsEngine implements Engine {
  readonly kernels: readonly string[];
  readonly reserve: Arena;
  readonly #runtime: Runtime;
  readonly #options: CheckedHostOptions;
  readonly #start: Start;
  readonly #listener: EngineListener;
  readonly #coordinator: WorkerHandle;
  readonly #numbers: Map<string, number>;
  readonly #words: Int32Array<SharedArrayBuffer>;
  readonly #doubles: Float64Array;
  #bytes: Uint8Array;
  readonly #blocks: ControlTable;
  readonly #ready: Ring;
  readonly #ended: Ring;
  readonly #released: Ring;
  readonly #bell: Bell;
  readonly #diary: Diary;
  readonly #laneStart: number;
  readonly #lanes: Lane[] = [];
  #opening: Promise<void> | undefined;
  readonly #tasks: (Task | undefined)[] = [];
  readonly #freeSlots = Array.from({ length: CONTROL.slots }, (_, slot) => CONTROL.slots - 1 - slot);
  #size = 0;
  /** Tasks whose arrays the coordinator copies in: they take the instance's memory while they wait, so they wait outside. */
  readonly #bulky = new Set<Task>();
  /** How long jobs take lately, in milliseconds. */
  #usual = 1;
  #lastEnd = 0;
  #asleep = false;
  #soon = false;
  #collecting = false;
  /** When the present turn of the event loop began to be held, or 0. */
  #turnBegan = 0;
  #nudge: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  constructor(runtime: Runtime, options: CheckedHostOptions, start: Start, coordinator: StartingWorker, pool: StartingWorker[], listener: EngineListener) {
    const { memory, ready } = start;
    this.kernels = ready.kernels;
    this.reserve = new Arena(memory, options.maxMemory / RESERVED);
    this.#runtime = runtime;
    this.#options = options;
    this.#start = start;
    this.#listener = listener;
    this.#numbers = new Map(ready.kernels.map((name, number) => [name, number]));
    this.#words = new Int32Array<SharedArrayBuffer>(memory.buffer as ArrayBufferLike as SharedArrayBuffer);
    this.#doubles = new Float64Array(memory.buffer);
    this.#bytes = new Uint8Array(memory.buffer);
    this.#blocks = new ControlTable(memory, ready.controlTable);
    const dispatch = ready.dispatch!;
    this.#ready = new Ring(this.#words, dispatch + DISPATCH.ready);
    this.#ended = new Ring(this.#words, dispatch + DISPATCH.ended);
    this.#released = new Ring(this.#words, dispatch + DISPATCH.released);
    this.#bell = new Bell(this.#words, dispatch + DISPATCH.caller);
    this.#diary = new Diary(this.#words, this.#doubles, ready.diary!);
    this.#laneStart = dispatch + DISPATCH.lanes;
    Atomics.store(this.#words, (dispatch + DISPATCH.spin) / 4, options.spin);
    this.#coordinator = coordinator.handOver((message) => this.#heed(message), (reason, fault) => this.#lose(reason, undefined, fault));
    this.#addLane(pool);
  }

  get size(): number {
    return this.#size;
  }

  hasRoom(task: Task): boolean {
    if (this.#closed || this.#freeSlots.length === 0) return false;
    const { concurrency } = this.#start;
    if (this.#bulky.size >= concurrency + 1 && !this.#isInside(task)) return false;
    return this.#size < concurrency + Math.min(CONTROL.slots, Math.max(1, AHEAD_MS / this.#usual));
  }

  /** Whether all of a task's arrays lie in the instance's memory already. */
  #isInside({ inputs }: Task): boolean {
    return inputs.arrays.every((array) => this.reserve.holds(array));
  }

  submit(task: Task): void {
    const { id, kernel, params, inputs } = task;
    if (!this.#isInside(task)) inputs.moveInto?.(this.reserve);
    const inside = this.#isInside(task);
    const slot = this.#freeSlots.pop()!;
    task.slot = slot;
    this.#tasks[slot] = task;
    this.#size += 1;
    this.#blocks.clear(slot, task);
    const number = this.#numbers.get(kernel);
    if (inside && number !== undefined && bytesWithPlaces(params.length, inputs.arrays.length) <= CONTROL.payloadBytes) {
      this.#blocks.publish(slot, number, params, inputs.arrays.length === 0 ? NO_PLACES : inputs.arrays.map(placeOf));
      // The ring holds twice as many numbers as there are slots: it is full only of slots that have long ended.
      this.#ready.push(slot);
      // The first of many: a lane that sleeps wakes while the others are still being queued.
      if (this.#size === 1) this.#wakeLanes();
      return;
    }
    if (!inside) this.#bulky.add(task);
    try {
      const arrays = inputs.arrays.map((array) => (this.reserve.holds(array) ? { ...array, inPlace: true } : array));
      this.#coordinator.post({ type: 'run', id, slot, kernel, params, arrays, moved: inputs.transfer.length > 0 }, inputs.transfer);
    } catch (thrown) {
      this.#leave(slot);
      throw thrown;
    }
  }

  flush(): void {
    this.#wakeLanes();
    if (this.#bulky.size > 0) this.#nudgeLater();
    // While ends are read, there is a turn that goes on already.
    if (this.#collecting) return;
    if (this.#options.spin > 0 && this.#usual < HOT_MS && this.#mayHoldTurn()) this.#spin();
    this.#watch();
  }

  /** A caller who awaits one small job after the other would never leave this turn of the event loop: now and then it must end. */
  #mayHoldTurn(): boolean {
    const now = performance.now();
    if (this.#turnBegan === 0) {
      this.#turnBegan = now;
      this.#runtime.soon(() => {
        this.#turnBegan = 0;
      });
    }
    return now - this.#turnBegan < TURN_MS;
  }

  /** Looks for ends for a moment, awake: a sleep and a wake-up take longer than a small job. */
  #spin(): void {
    const until = performance.now() + this.#options.spin / 1000;
    do {
      if (this.#collect()) return;
    } while (performance.now() < until);
  }

  /** Sees that ends are heard of. */
  #watch(): void {
    if (this.#size === 0 || this.#asleep || this.#soon || this.#closed) return;
    this.#soon = true;
    this.#runtime.soon(() => {
      this.#soon = false;
      if (this.#closed) return;
      this.#collect();
      if (this.#size === 0) return;
      this.#nudgeLater();
      if (this.#options.spin > 0 && performance.now() - this.#lastEnd < COOL_MS) this.#watch();
      else void this.#sleep();
    });
  }

  async #sleep(): Promise<void> {
    this.#asleep = true;
    await this.#bell.sleep(SLEEP_MS, () => this.#ended.empty);
    this.#asleep = false;
    if (this.#closed) return;
    this.#collect();
    this.#watch();
  }

  /** Reads what has ended; whether there was anything. */
  #collect(): boolean {
    let slot = this.#ended.pop();
    if (slot < 0) return false;
    const until = (this.#lastEnd = performance.now()) + TURN_MS;
    this.#collecting = true;
    for (let count = 1; slot >= 0; count += 1) {
      this.#takeEnd(slot);
      if (this.#closed || (count % 64 === 0 && performance.now() > until)) break;
      slot = this.#ended.pop();
    }
    if (!this.#closed) this.#listener.room();
    this.#collecting = false;
    return true;
  }

  #takeEnd(slot: number): void {
    const task = this.#tasks[slot];
    if (!task) return;
    const outcome = this.#blocks.outcome(slot);
    switch (outcome) {
      case 'done':
        if (this.#blocks.answeredNothing(slot)) this.#end(task, slot, 'done', {});
        else this.#takeAnswer(task, slot);
        break;
      case 'failed':
        this.#end(task, slot, 'failed', undefined, undefined, decode(this.#blocks.answer(slot)) as Failure);
        break;
      case 'cancelled':
        this.#end(task, slot, 'cancelled');
    }
  }

  #takeAnswer(task: Task, slot: number): void {
    let answer: unknown;
    try {
      answer = small(this.#blocks.answer(slot));
    } catch (thrown) {
      return this.#end(task, slot, 'failed', undefined, undefined, { code: 'KERNEL_ERROR', message: `the output cannot be given to JavaScript: ${textOf(thrown)}` });
    }
    const places = this.#blocks.answeredArrays(slot);
    if (places.length === 0) return this.#end(task, slot, 'done', answer);
    const memory = this.#memoryUpTo(Math.max(...places.map(endOf)));
    const arrays = task.lend ? this.#lentTo(task, places.map((place) => arrayAt(place, memory.buffer, place.start))) : places.map((place) => arrayAt(place, copyOf(place, memory), 0));
    this.#end(task, slot, 'done', undefined, { tree: answer, arrays }, undefined, task.lend);
  }

  /** The instance's memory, at least as far as an address that a lane has told of. */
  #memoryUpTo(end: number): Uint8Array {
    if (this.#bytes.length >= end) return this.#bytes;
    const { memory } = this.#start;
    // Another thread has grown it, and this one's buffer may be of before.
    if (memory.buffer.byteLength < end) memory.grow(0);
    this.#bytes = new Uint8Array(memory.buffer);
    return this.#bytes;
  }

  /** Arrays of an output that stay where they lie, but for those in places that are the caller's again. */
  #lentTo(task: Task, arrays: PackedArray[]): PackedArray[] {
    const inside = task.inputs.arrays.filter((array) => this.reserve.holds(array));
    return arrays.map((array) => (isOneOf(inside, array) ? ownSharedCopy(array) : array));
  }

  #end(task: Task, slot: number, kind: End['kind'], plain?: unknown, output?: Packed, error?: Failure, lent = false): void {
    const started = this.#blocks.started(slot);
    const ended = this.#blocks.ended(slot);
    if (ended - started >= WORTH_READING_MS) this.#readDiary();
    if (started > 0) this.#usual += (Math.max(0.0005, ended - started) - this.#usual) / 8;
    const { done, total } = this.#blocks.counts(slot);
    // Written out: spreading costs as much as all the rest of a small job's way.
    const end: End = { kind, plain, output, error, lent, done, total, started, ended, heard: this.#lastEnd, lane: this.#blocks.lane(slot) };
    this.#leave(slot);
    this.#listener.end(task, end);
  }

  #leave(slot: number): void {
    const task = this.#tasks[slot]!;
    if (this.#bulky.size > 0) this.#bulky.delete(task);
    this.#blocks.free(slot);
    this.#tasks[slot] = undefined;
    task.slot = -1;
    this.#freeSlots.push(slot);
    this.#size -= 1;
  }

  /** Wakes the widest lane that has nothing to do, if there is anything for it. */
  #wakeLanes(): void {
    if (this.#ready.empty) return;
    const now = performance.timeOrigin + performance.now();
    for (let lane = 0; lane < this.#lanes.length; lane += 1) {
      if (this.#laneWord(lane, LANE.state) !== LANE_STATES.busy) {
        this.#lanes[lane]!.bell.ring();
        return;
      }
      // A lane that has been busy only for a moment, or is just done with its job, will see this one itself.
      if (!this.#hasRunLong(lane, now)) {
        this.#nudgeLater();
        return;
      }
    }
    this.#openAnother();
  }

  #hasRunLong(lane: number, now: number): boolean {
    const slot = this.#laneWord(lane, LANE.slot);
    const started = this.#blocks.started(slot);
    // The slot may have the next job by now, which is not the lane's yet.
    return this.#blocks.turn(slot) === TURNS.running && started > 0 && now - started > LONG_MS;
  }

  /** Jobs may come to wait behind one that proves long: looks again in a moment. */
  #nudgeLater(): void {
    if (this.#nudge !== undefined || !this.#crowded) return;
    this.#nudge = setTimeout(() => {
      this.#nudge = undefined;
      if (this.#closed) return;
      this.#wakeLanes();
      this.#nudgeLater();
    }, LONG_MS);
  }

  /** Whether tasks inside have no lane yet, be they ready or still on their way through the coordinator. */
  get #crowded(): boolean {
    let busy = 0;
    for (let lane = 0; lane < this.#lanes.length; lane += 1) if (this.#laneWord(lane, LANE.state) === LANE_STATES.busy) busy += 1;
    return this.#size > busy;
  }

  #openAnother(): void {
    if (this.#opening || this.#closed || this.#lanes.length >= this.#start.concurrency) return;
    this.#opening = this.#open().finally(() => {
      this.#opening = undefined;
      if (!this.#closed) this.#wakeLanes();
    });
    this.#opening.catch(() => {});
  }

  async #open(): Promise<void> {
    const { module, memory, ready, threads } = this.#start;
    const lane = this.#lanes.length;
    const pool = spawnLane(this.#runtime, this.#options, lane, widthOf(lane, threads));
    try {
      await startWithin(this.#options.startTimeout, () => `lane ${lane + 1}`, () => openLane(this.#runtime, this.#options, pool, { module, memory, lane, stack: ready.stack }, () => {}));
    } catch (thrown) {
      for (const worker of pool) void worker.handle.terminate();
      // A lane cannot open where another has trapped: that one is to be heard first.
      await new Promise((resolve) => setTimeout(resolve, AFTERMATH_MS));
      // Half a lane may stand in the instance: it is not to be trusted.
      if (!this.#closed) this.#lose(textOf(thrown), undefined, { trap: false });
      throw thrown;
    }
    if (this.#closed) for (const worker of pool) void worker.handle.terminate();
    else this.#addLane(pool);
  }

  #addLane(pool: StartingWorker[]): void {
    const number = this.#lanes.length;
    const lane: Lane = { workers: [], ended: 0, bell: new Bell(this.#words, this.#laneStart + number * LANE.stride + LANE.bell) };
    this.#lanes.push(lane);
    lane.workers = pool.map((worker) =>
      worker.handOver(
        (message) => {
          if (message.type === 'ended') lane.ended += 1;
        },
        (reason, fault) => this.#lose(reason, number, fault),
      ),
    );
    // Lanes at rest must not keep a process alive; the coordinator does while it has jobs.
    for (const worker of lane.workers) worker.keepAlive(false);
  }

  #laneWord(lane: number, field: number): number {
    return Atomics.load(this.#words, (this.#laneStart + lane * LANE.stride + field) >> 2);
  }

  #heed(message: Message<FromWorker>): void {
    if (message.type === 'events') {
      this.#lastEnd = performance.now();
      for (const event of message.events) {
        if (this.#closed) return;
        this.#takeEvent(event);
      }
      this.#listener.room();
    } else if (message.type === 'taken') {
      const task = this.#tasks.find((other) => other?.id === message.id);
      if (task) restore(task, message.buffers);
    }
  }

  #takeEvent(event: JobEvent): void {
    const task = this.#tasks[event.slot];
    if (task?.id !== event.id) return;
    switch (event.kind) {
      case 'part':
        return this.#listener.part(task, event.number, event);
      case 'spoiled':
        return this.#listener.spoiled(task, event.error);
      case 'done':
        if (event.lent) event.arrays = this.#lentTo(task, event.arrays);
        return this.#end(task, event.slot, 'done', undefined, event, undefined, event.lent === true);
      case 'failed':
        return this.#end(task, event.slot, 'failed', undefined, undefined, event.error);
      case 'cancelled':
        return this.#end(task, event.slot, 'cancelled');
    }
  }

  began({ slot }: Task): number {
    if (slot < 0 || this.#blocks.turn(slot) < TURNS.running) return 0;
    const started = this.#blocks.started(slot);
    return started > 0 ? started - performance.timeOrigin : 0;
  }

  ended({ slot }: Task): boolean {
    return slot >= 0 && this.#blocks.turn(slot) === TURNS.ended;
  }

  cancel({ slot }: Task): void {
    if (slot >= 0) this.#blocks.cancel(slot);
  }

  stream({ slot }: Task): void {
    if (slot >= 0) this.#blocks.stream(slot);
  }

  counts({ slot }: Task): Counts {
    return slot >= 0 ? this.#blocks.counts(slot) : { done: 0, total: 0 };
  }

  release(id: number): void {
    if (this.#closed) return;
    // Its memory is only of use to the next job: whoever starts that, a lane or the coordinator, frees it before.
    if (!this.#released.push(id)) this.#coordinator.post({ type: 'release', id });
  }

  keepAlive(keep: boolean): void {
    this.#coordinator.keepAlive(keep);
  }

  async prepare(): Promise<void> {
    while (this.#lanes.length < this.#start.concurrency && !this.#closed) {
      this.#openAnother();
      await this.#opening;
    }
  }

  get laneCount(): number {
    return this.#lanes.length;
  }

  lanes(): LaneStats[] {
    this.#readDiary();
    const now = performance.timeOrigin + performance.now();
    return this.#lanes.map((lane, number) => {
      const past = this.#doubles[(this.#laneStart + number * LANE.stride + LANE.busy) >> 3]!;
      const running = this.#laneWord(number, LANE.state) === LANE_STATES.busy ? this.#blocks.started(this.#laneWord(number, LANE.slot)) : 0;
      return { threads: lane.workers.length, jobs: this.#laneWord(number, LANE.jobs), busy: past + (running > 0 ? Math.max(0, now - running) : 0) };
    });
  }

  #readDiary(): void {
    this.#diary.read((span) => this.#listener.busy(span));
  }

  /** Something in the instance has died: nothing of it is used again. */
  #lose(reason: string, lane: number | undefined, { trap, aftermath, id, stack }: Fault): void {
    if (this.#closed) return;
    // Whose job the lane was running tells who did it, or may have.
    const slot = lane === undefined || aftermath || this.#laneWord(lane, LANE.state) !== LANE_STATES.busy ? undefined : this.#laneWord(lane, LANE.slot);
    const tasks = this.kill();
    const blamed = tasks.filter((task) => (id !== undefined && task.id === id) || (slot !== undefined && task.slot === slot));
    const innocent = tasks.filter((task) => !blamed.includes(task));
    for (const task of tasks) task.slot = -1;
    this.#listener.lost(reason, trap ? { culprits: blamed, suspects: [], innocent } : { culprits: [], suspects: blamed, innocent }, stack);
  }

  kill(): Task[] {
    this.#closed = true;
    clearTimeout(this.#nudge);
    const tasks = this.#tasks.filter((task) => task !== undefined);
    // Kernels that check stop at once, so that the workers can be ended; the end is not waited for.
    for (const { slot } of tasks) this.#blocks.cancel(slot);
    this.#stopLanes();
    for (const worker of this.#workers()) void worker.terminate();
    this.#size = 0;
    return tasks;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#nudge);
    await this.#opening?.catch(() => {});
    // Lanes that end by themselves give their threads' stacks back; what does not is ended by force.
    this.#stopLanes();
    const until = performance.now() + END_MS;
    while (this.#lanes.some((lane) => lane.ended < lane.workers.length) && performance.now() < until) {
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    await Promise.all(this.#workers().map((worker) => worker.terminate()));
  }

  #stopLanes(): void {
    this.#lanes.forEach((lane, number) => {
      Atomics.store(this.#words, (this.#laneStart + number * LANE.stride + LANE.stop) >> 2, 1);
      lane.bell.ring();
    });
  }

  #workers(): WorkerHandle[] {
    return [this.#coordinator, ...this.#lanes.flatMap((lane) => lane.workers)];
  }
}

/** Whether an output's array lies where an input of the same memory does: that place is its caller's again. */
function isOneOf(inputs: readonly PackedArray[], output: PackedArray): boolean {
  const end = output.byteOffset + byteLengthOf(output);
  return inputs.some((input) => input.byteOffset < end && output.byteOffset < input.byteOffset + byteLengthOf(input));
}

function ownSharedCopy(array: PackedArray): PackedArray {
  const bytes = new Uint8Array(array.buffer, array.byteOffset, byteLengthOf(array));
  const buffer = new SharedArrayBuffer(bytes.length);
  new Uint8Array(buffer).set(bytes);
  return { ...array, buffer, byteOffset: 0 };
}

function endOf({ dtype, start, length }: Place): number {
  return length === 0 ? 0 : start + length * DTYPES[dtype]!.size;
}

/** A buffer of its own with what lies at a place. */
function copyOf({ dtype, start, length }: Place, memory: Uint8Array): ArrayBufferLike {
  // Faster than to make a buffer and fill it.
  return memory.slice(start, start + length * DTYPES[dtype]!.size).buffer;
}

function arrayAt({ dtype, length, shape }: Place, buffer: ArrayBufferLike, start: number): PackedArray {
  // An empty Rust slice has no place of its own: its address may lie outside of the memory.
  const array: PackedArray = { dtype, buffer, byteOffset: length === 0 ? 0 : start, length };
  if (shape) array.shape = shape;
  return array;
}

function byteLengthOf({ dtype, length }: PackedArray): number {
  return length * DTYPES[dtype]!.size;
}

function placeOf({ dtype, byteOffset, length }: PackedArray): Place {
  return { dtype, start: byteOffset, length };
}

/** Puts buffers that came back into the places that they were moved from, in the same order. */
export function restore(task: Task, buffers: ArrayBuffer[]): void {
  const { arrays } = task.inputs;
  const moved = [...new Set(arrays.map(({ buffer }) => buffer))].filter((buffer) => buffer instanceof ArrayBuffer);
  const back = new Map<ArrayBufferLike, ArrayBuffer>(moved.map((buffer, index) => [buffer, buffers[index]!]));
  for (const array of arrays) array.buffer = back.get(array.buffer) ?? array.buffer;
  task.inputs.transfer = buffers;
}

/** The first bytes of MessagePack's 64-bit integers. */
const WIDE = [0xcf, 0xd3];

/** An output that came through a control block. */
function small(bytes: Uint8Array): unknown {
  if (!bytes.some((byte) => WIDE.includes(byte))) return decode(bytes);
  return exact(decode(bytes, { useBigInt64: true }));
}

/** @throws RangeError where a number would lose digits */
function exact(value: unknown): unknown {
  if (typeof value === 'bigint') {
    const number = Number(value);
    if (!Number.isSafeInteger(number)) throw new RangeError(`${value} is beyond what a number holds exactly`);
    return number;
  }
  if (Array.isArray(value)) return value.map(exact);
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, exact(item)]));
}
