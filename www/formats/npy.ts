// NumPy's .npy files: typed arrays with their shape. Format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
import { DTYPES, type TypedArray } from '../host/shared/generated.ts';

/** An array with the shape that its file gave it. */
export interface NpyArray {
  array: TypedArray;
  /** Rows first (C order); empty for a single number. */
  shape: number[];
}

const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];

/** NumPy's type codes by our names. A boolean is a byte of 0 or 1. */
const CODES: Record<string, string> = { i1: 'i8', u1: 'u8', b1: 'u8', i2: 'i16', u2: 'u16', i4: 'i32', u4: 'u32', i8: 'i64', u8: 'u64', f2: 'f16', f4: 'f32', f8: 'f64' };

type ArrayConstructor = new (buffer: ArrayBufferLike, byteOffset: number, length: number) => TypedArray;

/**
 * Reads an .npy file, as a view of its bytes where their place allows it.
 *
 * @throws Error whose message says what is wrong with the file
 */
export function parseNpy(bytes: Uint8Array<ArrayBuffer>): NpyArray {
  const { text, start } = header(bytes);
  const descr = /'descr'\s*:\s*'([^']*)'/.exec(text)?.[1];
  const fortran = /'fortran_order'\s*:\s*(True|False)/.exec(text)?.[1];
  const dimensions = /'shape'\s*:\s*\(([^)]*)\)/.exec(text)?.[1];
  if (descr === undefined && /'descr'\s*:\s*\[/.test(text)) throw new Error('it holds records; save one field of them at a time');
  if (descr === undefined || fortran === undefined || dimensions === undefined) throw new Error('its header is not one of an .npy file');

  const shape = parseShape(dimensions);
  if (fortran === 'True' && shape.filter((n) => n !== 1).length > 1) {
    throw new Error('it is in Fortran order; save it with numpy.save(path, numpy.ascontiguousarray(array))');
  }
  const order = descr[0]!;
  const dtype = DTYPES.find(({ name }) => name === CODES[descr.slice(1)]);
  if (!dtype || !'<>|='.includes(order)) {
    throw new Error(`it holds elements of NumPy's type '${descr}'; accepted are int and uint of 8 to 64 bits, float of 16 to 64, bool`);
  }
  const Constructor = (globalThis as Record<string, unknown>)[dtype.js] as ArrayConstructor | undefined;
  if (!Constructor) throw new Error(`it holds float16, and Node ${process.version} has no ${dtype.js} (Node 24 has); save it with .astype('float32')`);

  const length = shape.reduce((product, n) => product * n, 1);
  const needed = length * dtype.size;
  if (bytes.length - start < needed) throw new Error(`it is cut short: shape (${shape.join(', ')}) of ${dtype.name} needs ${needed} bytes, ${bytes.length - start} are there`);
  // A typed array must begin at a multiple of its element; NumPy sees to that, other writers need not.
  const aligned = (bytes.byteOffset + start) % dtype.size === 0;
  const data = aligned ? bytes.subarray(start, start + needed) : bytes.slice(start, start + needed);
  if (order === '>') swapBytes(data, dtype.size);
  return { array: new Constructor(data.buffer, data.byteOffset, length), shape };
}

function header(bytes: Uint8Array<ArrayBuffer>): { text: string; start: number } {
  if (!MAGIC.every((byte, index) => bytes[index] === byte)) throw new Error('it is not an .npy file');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const major = bytes[6];
  if (major === undefined || major < 1 || major > 3) throw new Error(`it is of version ${major} of the .npy format; 1 to 3 are known`);
  const wide = major > 1;
  const fields = wide ? 12 : 10;
  if (bytes.length < fields) throw new Error('it is cut short within its header');
  const start = fields + (wide ? view.getUint32(8, true) : view.getUint16(8, true));
  if (bytes.length < start) throw new Error('it is cut short within its header');
  return { text: new TextDecoder(major === 3 ? 'utf-8' : 'latin1').decode(bytes.subarray(fields, start)), start };
}

function parseShape(text: string): number[] {
  const parts = text.split(',').map((part) => part.trim());
  // A tuple of one is written (n,).
  if (parts.at(-1) === '') parts.pop();
  const shape = parts.map((part) => (/^\d+L?$/.test(part) ? Number.parseInt(part, 10) : Number.NaN));
  if (!Number.isSafeInteger(shape.reduce((product, n) => product * n, 1))) throw new Error(`its shape (${text}) is not usable`);
  return shape;
}

function swapBytes(bytes: Uint8Array<ArrayBuffer>, size: number): void {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (size === 2) buffer.swap16();
  else if (size === 4) buffer.swap32();
  else if (size === 8) buffer.swap64();
}

/**
 * An array as an .npy file: its header, then its bytes, which are not copied.
 *
 * Every runtime that this command runs on keeps numbers little-endian, as the file does.
 *
 * @param dtype the name of its elements' kind, where the array's own class does not tell (`f16` bits in a Uint16Array)
 */
export function npyFile(array: TypedArray, shape: readonly number[], dtype = dtypeOf(array)): Uint8Array[] {
  const code = Object.keys(CODES).find((key) => CODES[key] === (dtype === 'u8c' ? 'u8' : dtype))!;
  const order = code.endsWith('1') ? '|' : '<';
  const tuple = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(', ')})`;
  const text = `{'descr': '${order}${code}', 'fortran_order': False, 'shape': ${tuple}, }`;
  // Padded so that the data begins at a multiple of 64 bytes, with a line end in the last place.
  const length = Math.ceil((10 + text.length + 1) / 64) * 64;
  const head = new Uint8Array(length).fill(0x20);
  head.set([...MAGIC, 1, 0, (length - 10) & 0xff, (length - 10) >> 8]);
  head.set(new TextEncoder().encode(text), 10);
  head[length - 1] = 0x0a;
  return [head, bytesOf(array)];
}

/** An array's bytes, without copying. */
export function bytesOf(array: TypedArray): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

/** The name of an array's kind: `f32`. */
export function dtypeOf(array: TypedArray): string {
  return DTYPES.find(({ js }) => js === array[Symbol.toStringTag])!.name;
}

/** NumPy's name of a kind, for advice on converting: `float32`. */
export function numpyName(dtype: string): string {
  const bits = dtype.replace(/\D/g, '');
  return `${dtype.startsWith('f') ? 'float' : dtype.startsWith('u') ? 'uint' : 'int'}${bits}`;
}
