// One wasm instance as JavaScript sees it: moves a job's bytes in, starts it, and copies what happened out.
// Used by the coordinator, and on the caller's thread by the inline backend.
import { textOf, type Failure } from '../shared/errors.ts';
import { DTYPES, ERROR_CODES } from '../shared/generated.ts';
import type { JobEvent, PackedArray, Submission } from '../shared/protocol.ts';
import type { Glue, WasmArray } from './glue.ts';

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

  constructor(glue: Glue, memory: WebAssembly.Memory) {
    this.#glue = glue;
    this.#memory = memory;
  }

  /**
   * Starts a job.
   *
   * @returns the failure, when it cannot start
   * @throws what wasm threw when it trapped: the instance must not be used again
   */
  submit({ id, slot, kernel, tree, arrays }: Submission): Failure | undefined {
    for (const array of arrays) {
      const failure = this.#moveIn(array);
      if (failure) {
        this.#glue.detach();
        return failure;
      }
    }
    try {
      this.#glue.submit(slot, id, kernel, tree);
      return undefined;
    } catch (thrown) {
      if (isFailure(thrown)) return thrown;
      throw thrown;
    }
  }

  /** What has happened since the last call, up to a batch that its receiver reads in a moment; more may be left. */
  takeEvents(): Batch {
    const batch: Batch = { events: [], transfer: [] };
    while (batch.events.length < MOST_EVENTS) {
      const event = this.#glue.nextEvent();
      if (!event) break;
      const { id, kind, done, total } = event;
      switch (kind) {
        case 'part':
        case 'done':
          if (event.tree instanceof Error) {
            const error: Failure = { code: 'KERNEL_ERROR', message: `the output cannot be given to JavaScript: ${event.tree.message}` };
            batch.events.push({ id, kind: 'failed', done, total, error });
            break;
          }
          batch.events.push({ id, kind, done, total, tree: event.tree, arrays: (event.arrays ?? []).map((array) => this.#copyOut(array, batch)) });
          break;
        case 'cancelled':
          batch.events.push({ id, kind, done, total });
          break;
        case 'failed':
          batch.events.push({ id, kind, done, total, error: event.error as Failure });
      }
    }
    return batch;
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

  #copyOut({ dtype, start, len, shape }: WasmArray, batch: Batch): PackedArray {
    const bytes = len * DTYPES[dtype]!.size;
    const buffer = new ArrayBuffer(bytes);
    new Uint8Array(buffer).set(bytesAt(this.#memory, start, bytes));
    batch.transfer.push(buffer);
    return { dtype, buffer, byteOffset: 0, length: len, ...(shape && { shape }) };
  }
}

function bytesAt(memory: WebAssembly.Memory, start: number, bytes: number): Uint8Array {
  // An empty Rust slice has no place of its own: its address may lie outside the memory.
  return bytes === 0 ? new Uint8Array(0) : new Uint8Array(memory.buffer, start, bytes);
}

function isFailure(thrown: unknown): thrown is Failure {
  return typeof thrown === 'object' && thrown !== null && 'code' in thrown && String(thrown.code) in ERROR_CODES;
}

/** The message of a trap, for whoever replaces the instance. */
export function trapText(thrown: unknown): string {
  return `the wasm instance stopped: ${textOf(thrown)}`;
}
