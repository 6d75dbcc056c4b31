// Bytes that a param names: @FILE, or @- for standard input, which can be read once.
import { readFile } from 'node:fs/promises';
import { badParam, fileReason } from './errors.ts';

/** Where bytes came from, with what they are by the file's name. */
export interface Input {
  /** For messages: the path, or `standard input`. */
  name: string;
  /** `.npy`, in lower case; empty without one. */
  extension: string;
  /** In a buffer of their own, which may be given away. */
  bytes: Uint8Array<ArrayBuffer>;
}

/** Files that hold pictures. */
export const IMAGE_EXTENSIONS = ['.png', '.jpg', '.jpeg', '.webp'];

export class Inputs {
  #stdinFor: string | undefined;

  /**
   * @param path a file's path, or `-`
   * @param field the param that names it, for errors
   */
  async read(path: string, field: string): Promise<Input> {
    if (path === '-') return { name: 'standard input', extension: '', bytes: await this.#stdin(field) };
    if (path === '') throw badParam(field, "'@' needs a file's name after it, or '-' for standard input; write '@@' for text that begins with '@'");
    try {
      return { name: path, extension: extensionOf(path), bytes: ownBuffer(await readFile(path)) };
    } catch (error) {
      throw badParam(field, `${path} cannot be read: ${fileReason(error)}`, error);
    }
  }

  async #stdin(field: string): Promise<Uint8Array<ArrayBuffer>> {
    if (this.#stdinFor !== undefined) throw badParam(field, `standard input was read already, for ${this.#stdinFor}`);
    this.#stdinFor = field;
    if (process.stdin.isTTY) throw badParam(field, 'standard input is the terminal; send it a file or a pipe');
    const chunks: Buffer[] = [];
    for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
    return ownBuffer(Buffer.concat(chunks));
  }
}

/** A path's extension, in lower case. */
export function extensionOf(path: string): string {
  return /[^/\\](\.[^./\\]+)$/.exec(path)?.[1]?.toLowerCase() ?? '';
}

/** Small buffers share one of Node's; moving that to a worker would take the others with it. */
function ownBuffer(buffer: Buffer): Uint8Array<ArrayBuffer> {
  const whole = buffer.byteOffset === 0 && buffer.byteLength === buffer.buffer.byteLength;
  return whole ? new Uint8Array(buffer.buffer as ArrayBuffer) : new Uint8Array(buffer);
}
