// One wasm instance as JavaScript sees it: moves a job's bytes in, starts it, and copies what happened out.
// Used by the coordinator and by single-threaded workers, and on the caller's thread by the inline backend.
import { ControlTable } from '../shared/control.ts';
import { textOf, type Failure } from '../shared/errors.ts';
import { DTYPES, ERROR_CODES } from '../shared/generated.ts';
import type { FromWorker, JobEvent, Message, PackedArray, Round, Shardable, Submission, Unit } from '../shared/protocol.ts';
import type { Glue, WasmArray, WasmEvent, WasmRound } from './glue.ts';
import { Rooms, unwritten } from './rooms.ts';

/** Events with the buffers that can be moved along with them. */
export interface Batch {
  events: JobEvent[];
  transfer: ArrayBuffer[];
}

/** Events in a batch: reading one with its buffers costs the caller's thread some tens of microseconds. */
const MOST_EVENTS = 32;

/** Bytes that are copied between two looks at whether their job is still wanted: some tenths of a millisecond. */
const SLICE = 2 ** 20;

/** Thrown when a job is cancelled while its arrays are copied. */
const CANCELLED = Symbol('cancelled');

export class Instance {
  readonly blocks: ControlTable;
  /** For outputs that are on their way. */
  readonly rooms: Rooms;
  readonly #glue: Glue;
  readonly #memory: WebAssembly.Memory;
  /** What the wasm does not know of. */
  readonly #refused: JobEvent[] = [];

  constructor(glue: Glue, memory: WebAssembly.Memory) {
    this.#glue = glue;
    this.#memory = memory;
    this.blocks = new ControlTable(memory, glue.controlTable());
    this.rooms = new Rooms(this.blocks);
  }

  /**
   * Hands a job over to the lanes; that it cannot start is told as an event.
   *
   * @param moved called when the arrays are copied in, and not needed any more
   * @throws what wasm threw when it trapped: the instance must not be used again
   */
  submit(job: Submission, moved: () => void): void {
    const { id, slot, kernel, params } = job;
    this.#attempt(job, moved, () => this.#glue.submit(slot, id, kernel, params));
  }

  /**
   * Single-threaded instances: does a unit to its end, which is told as an event.
   *
   * @param moved called when the arrays are copied in, and not needed any more
   * @returns the shards, when it was divided instead or goes on with more; none also when it was only to be divided and that does not pay
   * @throws what wasm threw when it trapped: the instance must not be used again
   */
  execute(unit: Unit, moved: () => void): Round | undefined {
    const { id, slot, kernel, params, what, pieces } = unit;
    let round: Round | undefined;
    this.#attempt(unit, moved, () => {
      switch (what) {
        case 'whole':
          return this.#glue.submit(slot, id, kernel, params);
        case 'shard':
          return this.#glue.runShard(slot, id, kernel, params);
        case 'merge':
          return void (round = this.#round(this.#glue.merge(slot, id, kernel, params), slot));
        case 'split':
        case 'plan':
          round = this.#round(this.#glue.split(slot, id, kernel, params, pieces, what === 'split'), slot);
      }
    });
    return round;
  }

  #round(round: WasmRound | undefined, slot: number): Round | undefined {
    if (!round) return undefined;
    const { done, total } = round;
    const shards = round.shards.map(({ params, arrays }) => ({ params, arrays: arrays.map((array) => this.#copyOut(array, slot)) }));
    return { shards, ...(done !== undefined && total !== undefined && { counts: { done, total } }) };
  }

  /** Which kernels' jobs divide. */
  shardable(): Shardable {
    return { once: this.#glue.shardableKernels(false), rounds: this.#glue.shardableKernels(true) };
  }

  /** Whether anything has happened since. */
  hasEvents(): boolean {
    return this.#glue.hasEvents();
  }

  /** What has happened since the last call, up to a batch that its receiver reads in a moment; more may be left. */
  takeEvents(): Batch {
    const batch: Batch = { events: this.#refused.splice(0), transfer: [] };
    while (batch.events.length < MOST_EVENTS) {
      const event = this.#glue.nextEvent();
      if (!event) break;
      const { id, slot, kind, done, total } = event;
      switch (kind) {
        case 'part':
        case 'done':
          batch.events.push(...this.#withValue(event, batch.transfer));
          break;
        case 'cancelled':
          batch.events.push({ id, slot, kind, done, total });
          break;
        case 'failed':
          batch.events.push({ id, slot, kind, done, total, error: event.error as Failure });
          break;
        case 'room':
          this.rooms.open(id, slot, event.bytes!);
      }
    }
    return batch;
  }

  /** The event of a part or an output, whose arrays are copied unless they are lent; of a job cancelled meanwhile, only its end is left. */
  #withValue({ id, slot, kind, tree, arrays = [], number = 0, done, total, lent = false }: WasmEvent, transfer: ArrayBuffer[]): JobEvent[] {
    if (tree instanceof Error) {
      if (lent) this.#glue.release(id);
      const error: Failure = { code: 'KERNEL_ERROR', message: `the ${kind === 'part' ? 'part' : 'output'} cannot be given to JavaScript: ${tree.message}` };
      return [kind === 'part' ? { id, slot, kind: 'spoiled', error } : { id, slot, kind: 'failed', done, total, error }];
    }
    try {
      const packed = { tree, arrays: arrays.map((array) => (lent ? this.#inPlace(array) : this.#copyOut(array, slot, id))) };
      if (!lent) transfer.push(...packed.arrays.map(({ buffer }) => buffer as ArrayBuffer));
      return [kind === 'part' ? { id, slot, kind, number, ...packed } : { id, slot, kind: 'done', done, total, lent, ...packed }];
    } catch (thrown) {
      if (thrown !== CANCELLED) throw thrown;
      return kind === 'part' ? [] : [{ id, slot, kind: 'cancelled', done, total }];
    }
  }

  /** Moves a job's arrays in and starts it; that it does not start is kept as an event. */
  #attempt({ id, slot, arrays }: Submission, moved: () => void, start: () => void): void {
    this.attempt(id, slot, () => {
      try {
        for (const array of arrays) if (!array.inPlace || !this.#glue.attachInPlace!(array.dtype, array.byteOffset, array.length)) this.#moveIn(array, slot);
      } finally {
        moved();
      }
      start();
    });
  }

  /**
   * Does something for a job; a failure of it is kept as an event.
   *
   * @throws what wasm threw when it trapped
   */
  attempt(id: number, slot: number, work: () => void): void {
    try {
      work();
    } catch (thrown) {
      if (thrown === CANCELLED) this.#refused.push({ id, slot, kind: 'cancelled', done: 0, total: 0 });
      else if (isFailure(thrown)) this.#refused.push({ id, slot, kind: 'failed', done: 0, total: 0, error: thrown });
      else throw thrown;
      this.#glue.detach();
    }
  }

  #moveIn(array: PackedArray, slot: number): void {
    for (const copy of this.movesIn(array)) {
      if (this.blocks.isCancelled(slot)) throw CANCELLED;
      copy();
    }
  }

  /**
   * The copies that move an array in, one after another: each takes some tenths of a millisecond.
   *
   * @throws Failure when there is no room for it
   */
  *movesIn({ dtype, buffer, byteOffset, length }: PackedArray): Generator<() => void, void, undefined> {
    const bytes = length * DTYPES[dtype]!.size;
    const start = this.#glue.attach(dtype, length);
    if (start === 0) {
      const failure: Failure = { code: 'OUT_OF_MEMORY', message: `${bytes} bytes for the params could not be had: use smaller params or raise maxMemory` };
      throw failure;
    }
    // As bytes: the source may lie at any offset. Fresh views, for the memory may grow between two copies.
    for (let at = 0; at < bytes; at += SLICE) {
      const length = Math.min(SLICE, bytes - at);
      yield () => new Uint8Array(this.#memory.buffer, start + at, length).set(new Uint8Array(buffer, byteOffset + at, length));
    }
  }

  /** The copies that move an array out, which lies where it is until all are made, and what they make. */
  movesOut({ dtype, byteOffset, length, shape }: PackedArray): { array: PackedArray; copies: Iterable<() => void> } {
    const bytes = length * DTYPES[dtype]!.size;
    const buffer = unwritten(bytes);
    return { array: { dtype, buffer, byteOffset: 0, length, ...(shape && { shape }) }, copies: this.#copies(byteOffset, buffer) };
  }

  *#copies(start: number, buffer: ArrayBuffer): Generator<() => void, void, undefined> {
    for (let at = 0; at < buffer.byteLength; at += SLICE) {
      const length = Math.min(SLICE, buffer.byteLength - at);
      yield () => new Uint8Array(buffer, at, length).set(new Uint8Array(this.#memory.buffer, start + at, length));
    }
  }

  #inPlace({ dtype, start, len, shape }: WasmArray): PackedArray {
    // An empty slice has no place of its own.
    return { dtype, buffer: this.#memory.buffer, byteOffset: len === 0 ? 0 : start, length: len, ...(shape && { shape }) };
  }

  #copyOut({ dtype, start, len, shape }: WasmArray, slot: number, id?: number): PackedArray {
    const bytes = len * DTYPES[dtype]!.size;
    // Making room takes milliseconds for each ten megabytes.
    if (bytes > SLICE && this.blocks.isCancelled(slot)) throw CANCELLED;
    const buffer = (id === undefined ? undefined : this.rooms.take(id, bytes)) ?? unwritten(bytes);
    for (const copy of this.#copies(start, buffer)) {
      if (this.blocks.isCancelled(slot)) throw CANCELLED;
      copy();
    }
    return { dtype, buffer, byteOffset: 0, length: len, ...(shape && { shape }) };
  }
}

function isFailure(thrown: unknown): thrown is Failure {
  return typeof thrown === 'object' && thrown !== null && 'code' in thrown && String(thrown.code) in ERROR_CODES;
}

/** What wasm-bindgen throws on the other threads of an instance in which one has trapped. */
const AFTERMATH = 'Module terminated';

/** What to tell of a trap to whoever replaces the instance; `id`: the job that it was serving. */
export function lostTo(thrown: unknown, id?: number): Message<FromWorker> {
  const message = `the wasm instance stopped: ${textOf(thrown)}`;
  // A thread that stopped because another had: its own job is innocent.
  if (message.includes(AFTERMATH)) return { type: 'lost', message, aftermath: true };
  const stack = thrown instanceof Error ? thrown.stack : undefined;
  return { type: 'lost', message, trap: true, ...(id !== undefined && { id }), ...(stack && { stack }) };
}
