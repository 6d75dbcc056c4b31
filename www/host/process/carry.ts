// Arrays on their way between two processes: small ones inside of messages, large ones as bytes through a pipe.
import type { Duplex } from 'node:stream';
import { DTYPES } from '../shared/generated.ts';
import type { PackedArray } from '../shared/protocol.ts';
import { PIPED_BYTES, type Carried } from './protocol.ts';

/** Bytes written in one go, between two turns of the event loop. */
const SLICE = 2 ** 20;

/** One end of the pipe. Without one, everything goes inside of messages. */
export class Carrier {
  readonly #pipe: Duplex | undefined;
  readonly #room: (bytes: number) => ArrayBufferLike;
  /** Ends when all that was given is written. */
  #written: Promise<void> = Promise.resolve();
  /** Arrays that are to come, in order. */
  readonly #expected: { target: Uint8Array; filled: number; resolve: () => void }[] = [];
  /** Came before anybody knew of it. */
  #early: Uint8Array[] = [];

  /** @param room makes the buffers of arrays that come */
  constructor(pipe: Duplex | undefined, room: (bytes: number) => ArrayBufferLike) {
    this.#pipe = pipe;
    this.#room = room;
    pipe?.on('data', (chunk: Uint8Array) => this.#take(chunk));
  }

  /** What a message says of arrays that begin their way now. They must not change until they are there. */
  pack(arrays: readonly PackedArray[]): Carried[] {
    return arrays.map(({ dtype, buffer, byteOffset, length, shape }) => {
      const bytes = new Uint8Array(buffer, byteOffset, length * DTYPES[dtype]!.size);
      const carried: Carried = { dtype, length, ...(shape && { shape }) };
      // Not every channel takes views of shared memory.
      if (!this.#pipe || bytes.length < PIPED_BYTES) return { ...carried, bytes: buffer instanceof ArrayBuffer ? bytes : bytes.slice() };
      this.#written = this.#written.then(() => this.#write(bytes));
      return carried;
    });
  }

  /** The arrays of a message, once they are there. To be called for each message in order, at once. */
  unpack(arrays: readonly Carried[]): PackedArray[] | Promise<PackedArray[]> {
    const coming: Promise<void>[] = [];
    const packed = arrays.map(({ dtype, length, shape, bytes }): PackedArray => {
      const buffer = this.#room(length * DTYPES[dtype]!.size);
      const target = new Uint8Array(buffer);
      if (bytes) target.set(bytes);
      else coming.push(this.#expect(target));
      return { dtype, buffer, byteOffset: 0, length, ...(shape && { shape }) };
    });
    return coming.length === 0 ? packed : Promise.all(coming).then(() => packed);
  }

  /** Whether the pipe keeps the process alive. */
  keepAlive(keep: boolean): void {
    const socket = this.#pipe as { ref?(): void; unref?(): void } | undefined;
    if (keep) socket?.ref?.();
    else socket?.unref?.();
  }

  /** Resolves when all that was packed is on its way. */
  get written(): Promise<void> {
    return this.#written;
  }

  close(): void {
    this.#pipe?.destroy();
  }

  async #write(bytes: Uint8Array): Promise<void> {
    const pipe = this.#pipe!;
    for (let at = 0; at < bytes.length && !pipe.destroyed; at += SLICE) {
      const more = pipe.write(bytes.subarray(at, at + SLICE));
      if (more) await new Promise((resolve) => setImmediate(resolve));
      else await drained(pipe);
    }
  }

  #expect(target: Uint8Array): Promise<void> {
    return new Promise((resolve) => {
      this.#expected.push({ target, filled: 0, resolve });
      const early = this.#early;
      this.#early = [];
      for (const chunk of early) this.#take(chunk);
      if (this.#early.length === 0) this.#pipe?.resume();
    });
  }

  #take(chunk: Uint8Array): void {
    let rest = chunk;
    while (rest.length > 0) {
      const next = this.#expected[0];
      if (!next) {
        // The message that tells of it is still on its way through the channel.
        this.#early.push(rest);
        this.#pipe!.pause();
        return;
      }
      const part = rest.subarray(0, next.target.length - next.filled);
      next.target.set(part, next.filled);
      next.filled += part.length;
      rest = rest.subarray(part.length);
      if (next.filled < next.target.length) return;
      this.#expected.shift();
      next.resolve();
    }
  }
}

/** Resolves when there is room again, or nobody reads any more. */
function drained(pipe: Duplex): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      pipe.off('drain', done);
      pipe.off('close', done);
      resolve();
    };
    pipe.once('drain', done);
    pipe.once('close', done);
  });
}
