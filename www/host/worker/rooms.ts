// Memory for outputs that is made ready while their kernels run. A fresh buffer has no memory yet: the operating system finds a page at the
// first touch, which takes ten times as long as to copy something into it.
import type { ControlTable } from '../shared/control.ts';
import { TURNS } from '../shared/generated.ts';

/** Bytes that are touched between two looks at what else there is to do: some tenths of a millisecond. */
const SLICE = 2 ** 20;

/** No operating system's pages are smaller. */
const PAGE = 4096;

interface Room {
  id: number;
  slot: number;
  bytes: Uint8Array<ArrayBuffer>;
  /** How far it is touched. */
  touched: number;
}

/** The global of Node and of those that are like it. */
interface WithBuffer {
  Buffer?: { allocUnsafeSlow?(size: number): { buffer: ArrayBuffer } };
}

/**
 * Memory that is all written before anybody sees it. Where it can be had without being zeroed first, it is: zeroing takes half as long as the copy
 * that follows, and the thread answers to nobody meanwhile.
 *
 * @throws RangeError when it cannot be had
 */
export function unwritten(size: number): ArrayBuffer {
  // For less it makes no difference.
  const buffer = size < SLICE ? undefined : (globalThis as WithBuffer).Buffer?.allocUnsafeSlow?.(size).buffer;
  return buffer?.byteLength === size ? buffer : new ArrayBuffer(size);
}

export class Rooms {
  readonly #blocks: ControlTable;
  #rooms: Room[] = [];

  constructor(blocks: ControlTable) {
    this.#blocks = blocks;
  }

  /** An array of so many bytes will be in a job's output. */
  open(id: number, slot: number, size: number): void {
    try {
      this.#rooms.push({ id, slot, bytes: new Uint8Array(unwritten(size)), touched: 0 });
    } catch {
      // No room: it is told when the output is there.
    }
  }

  /** Makes some of it ready; returns whether there is more to do. */
  work(): boolean {
    this.#close();
    const room = this.#rooms.find(({ bytes, touched }) => touched < bytes.length);
    if (!room) return false;
    const end = Math.min(room.touched + SLICE, room.bytes.length);
    for (let at = room.touched; at < end; at += PAGE) room.bytes[at] = 0;
    room.touched = end;
    return true;
  }

  /** Gives up what was opened for jobs that are gone. */
  #close(): void {
    const isWanted = ({ id, slot }: Room) => this.#blocks.isOf(slot, id) && this.#blocks.turn(slot) !== TURNS.free;
    // Else their memory would be there until this thread collects its garbage, which it makes little of.
    for (const room of this.#rooms) if (!isWanted(room)) room.bytes.buffer.transfer?.(0);
    this.#rooms = this.#rooms.filter(isWanted);
  }

  /** Room of exactly so many bytes that was opened for a job, for the caller to keep. */
  take(id: number, size: number): ArrayBuffer | undefined {
    const index = this.#rooms.findIndex((room) => room.id === id && room.bytes.length === size);
    return this.#rooms.splice(index, index < 0 ? 0 : 1)[0]?.bytes.buffer;
  }
}
