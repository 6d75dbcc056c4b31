// One wasm instance as JavaScript sees it: moves a job's bytes in, starts it, and copies what happened out.
// Used by the coordinator and by single-threaded workers, and on the caller's thread by the inline backend.
import { textOf, type Failure } from '../shared/errors.ts';
import { DTYPES, ERROR_CODES } from '../shared/generated.ts';
import type { FromWorker, JobEvent, Message, PackedArray, Shard, Submission, Unit } from '../shared/protocol.ts';
import type { Glue, WasmArray, WasmShard } from './glue.ts';

/** Events with the buffers that can be moved along with them. */
export interface Batch {
  events: JobEvent[];
  transfer: ArrayBuffer[];
}

/** Events in a batch: reading one with its buffers costs the caller's thread some tens of microseconds. */
const MOST_EVENTS = 32;

export class Instance {
  readonly #glue: Glue;
  readonly #memory: WebAssembly.Memory;
  readonly #failures: JobEvent[] = [];

  constructor(glue: Glue, memory: WebAssembly.Memory) {
    this.#glue = glue;
    this.#memory = memory;
  }

  /**
   * Hands a job over to the lanes.
   *
   * @returns the failure, when it cannot start
   * @throws what wasm threw when it trapped: the instance must not be used again
   */
  submit({ id, slot, kernel, params, arrays }: Submission): Failure | undefined {
    return this.#moveAllIn(arrays) ?? caught(() => this.#glue.submit(slot, id, kernel, params));
  }

  /**
   * Single-threaded instances: does a unit to its end.
   *
   * @param moved called when the arrays are copied in, and not needed any more
   */
  execute({ id, slot, kernel, params, arrays, what, pieces }: Unit, moved: () => void): { failure?: Failure | undefined; shards?: Shard[] | undefined } {
    const noRoom = this.#moveAllIn(arrays);
    moved();
    if (noRoom) return { failure: noRoom };
    if (what === 'whole') return { failure: caught(() => this.#glue.submit(slot, id, kernel, params)) };
    if (what === 'merge') return { failure: caught(() => this.#glue.merge(slot, id, kernel, params)) };
    let shards: WasmShard[] | undefined;
    const failure = caught(() => {
      shards = this.#glue.split(slot, id, kernel, params, pieces);
    });
    return { failure, shards: shards?.map(({ params: bytes, arrays: views }) => ({ params: bytes, arrays: views.map((view) => this.#copyOut(view)) })) };
  }

  /** Something that the instance itself does not know of. */
  fail(event: JobEvent): void {
    this.#failures.push(event);
  }

  /** Whether anything has happened since. */
  hasEvents(): boolean {
    return this.#glue.hasEvents();
  }

  /** What has happened since the last call, up to a batch that its receiver reads in a moment; more may be left. */
  takeEvents(): Batch {
    const batch: Batch = { events: this.#failures.splice(0), transfer: [] };
    while (batch.events.length < MOST_EVENTS) {
      const event = this.#glue.nextEvent();
      if (!event) break;
      const { id, slot, kind, done, total } = event;
      switch (kind) {
        case 'part':
        case 'done': {
          if (event.tree instanceof Error) {
            const error: Failure = { code: 'KERNEL_ERROR', message: `the output cannot be given to JavaScript: ${event.tree.message}` };
            batch.events.push({ id, slot, kind: 'failed', done, total, error });
            break;
          }
          const { tree, arrays = [], number = 0, lent = false } = event;
          const packed = { tree, arrays: arrays.map((array) => (lent ? this.#inPlace(array) : this.#copyOut(array, batch))) };
          batch.events.push(kind === 'part' ? { id, slot, kind, number, ...packed } : { id, slot, kind, done, total, lent, ...packed });
          break;
        }
        case 'cancelled':
          batch.events.push({ id, slot, kind, done, total });
          break;
        case 'failed':
          batch.events.push({ id, slot, kind, done, total, error: event.error as Failure });
      }
    }
    return batch;
  }

  #moveAllIn(arrays: readonly PackedArray[]): Failure | undefined {
    for (const array of arrays) {
      const failure = this.#moveIn(array);
      if (failure) {
        this.#glue.detach();
        return failure;
      }
    }
    return undefined;
  }

  #moveIn({ dtype, buffer, byteOffset, length }: PackedArray): Failure | undefined {
    const bytes = length * DTYPES[dtype]!.size;
    const start = this.#glue.attach(dtype, length);
    if (start === 0) {
      return { code: 'OUT_OF_MEMORY', message: `${bytes} bytes for the params could not be had: use smaller params or raise maxMemory` };
    }
    // As bytes: the source may lie at any offset. A fresh view, for `attach` may have grown the memory.
    new Uint8Array(this.#memory.buffer, start, bytes).set(new Uint8Array(buffer, byteOffset, bytes));
    return undefined;
  }

  #inPlace({ dtype, start, len, shape }: WasmArray): PackedArray {
    // An empty slice has no place of its own.
    return { dtype, buffer: this.#memory.buffer, byteOffset: len === 0 ? 0 : start, length: len, ...(shape && { shape }) };
  }

  #copyOut({ dtype, start, len, shape }: WasmArray, batch?: Batch): PackedArray {
    const bytes = len * DTYPES[dtype]!.size;
    const buffer = new ArrayBuffer(bytes);
    new Uint8Array(buffer).set(bytesAt(this.#memory, start, bytes));
    batch?.transfer.push(buffer);
    return { dtype, buffer, byteOffset: 0, length: len, ...(shape && { shape }) };
  }
}

function bytesAt(memory: WebAssembly.Memory, start: number, bytes: number): Uint8Array {
  // An empty Rust slice has no place of its own: its address may lie outside the memory.
  return bytes === 0 ? new Uint8Array(0) : new Uint8Array(memory.buffer, start, bytes);
}

/** The failure with which wasm refused, if it did. */
function caught(call: () => void): Failure | undefined {
  try {
    call();
    return undefined;
  } catch (thrown) {
    if (isFailure(thrown)) return thrown;
    throw thrown;
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
