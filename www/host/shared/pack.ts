// Takes typed arrays out of a value before it crosses to another thread, and puts them back on the other side.
// Bulk data so travels as bytes, whatever the value around it looks like.
import { badParams } from './errors.ts';
import { DTYPES, type TypedArray } from './generated.ts';
import type { Packed, PackedArray } from './protocol.ts';
import { shapeOf, withShape } from './shape.ts';

type ArrayConstructor = new (buffer: ArrayBufferLike, byteOffset: number, length: number) => TypedArray;

/** Constructors by dtype; Float16Array is not everywhere. */
const constructors = DTYPES.map(({ js }) => (globalThis as Record<string, unknown>)[js] as ArrayConstructor | undefined);
const dtypes = new Map<string, number>(DTYPES.map(({ js }, index) => [js, index]));

/** Nesting beyond this is taken for a cycle. */
const MAX_DEPTH = 64;

/**
 * Takes the typed arrays out of params.
 *
 * @throws LoomworkError BAD_PARAMS naming the path of a value that cannot travel
 */
export function pack(value: unknown): Packed & { wide: boolean } {
  const found: Found = { arrays: [], wide: false };
  const tree = packAt(value, '', found, 0);
  return { tree: found.wide ? allWide(tree) : tree, arrays: found.arrays, wide: found.wide };
}

/** The arrays of a value, and whether there are bigints in it. */
interface Found {
  arrays: PackedArray[];
  wide: boolean;
}

/** Where there are bigints, MessagePack's 64-bit numbers are theirs: whole numbers over 32 bits become bigints too. */
function allWide(tree: unknown): unknown {
  if (typeof tree === 'number') return Number.isSafeInteger(tree) && Math.abs(tree) >= 2 ** 31 ? BigInt(tree) : tree;
  if (typeof tree !== 'object' || tree === null) return tree;
  if (Array.isArray(tree)) return tree.map(allWide);
  return Object.fromEntries(Object.entries(tree).map(([key, item]) => [key, allWide(item)]));
}

function packAt(value: unknown, path: string, found: Found, depth: number): unknown {
  switch (typeof value) {
    case 'string':
    case 'number':
    case 'boolean':
    case 'undefined':
      return value;
    case 'bigint':
      if (value !== BigInt.asUintN(64, value) && value !== BigInt.asIntN(64, value)) throw badParams(path, `${value} has more than 64 bits`);
      found.wide = true;
      return value;
    case 'function':
    case 'symbol':
      throw badParams(path, `a ${typeof value} cannot be a param`);
  }
  if (typeof value !== 'object' || value === null) return null;
  const view = viewOf(value);
  if (view) {
    const shape = shapeOf(view);
    found.arrays.push({ ...describe(view, path), ...(shape && { shape }) });
    return { $array: found.arrays.length - 1, ...(shape && { shape }) };
  }
  if (depth >= MAX_DEPTH) throw badParams(path.slice(0, 60), `nested more than ${MAX_DEPTH} levels deep: is there a cycle?`);
  if (Array.isArray(value)) return value.map((item, index) => packAt(item, `${path}[${index}]`, found, depth + 1));
  const packed: Record<string, unknown> = {};
  for (const [key, item] of Object.entries(fieldsOf(value, path))) {
    const at = path === '' ? key : `${path}.${key}`;
    if (key === '$array') throw badParams(at, 'the name $array is reserved');
    if (item !== undefined) packed[key] = packAt(item, at, found, depth + 1);
  }
  return packed;
}

/** Any binary value as a typed array; a DataView or a buffer is its bytes. */
function viewOf(value: object): TypedArray | undefined {
  if (value instanceof DataView) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  if (ArrayBuffer.isView(value)) return value as TypedArray;
  const tag = Object.prototype.toString.call(value);
  if (tag === '[object ArrayBuffer]' || tag === '[object SharedArrayBuffer]') return new Uint8Array(value as ArrayBuffer);
  return undefined;
}

function describe(view: TypedArray, path: string): PackedArray {
  // By its tag, not its constructor: Node's Buffer is a Uint8Array too.
  const dtype = dtypes.get((view as unknown as { [Symbol.toStringTag]: string })[Symbol.toStringTag]);
  if (dtype === undefined) throw badParams(path, 'this kind of array cannot be a param');
  try {
    new Uint8Array(view.buffer, 0, 0);
  } catch {
    throw badParams(path, 'is detached: its buffer was transferred before; pass an array that still has its data');
  }
  return { dtype, buffer: view.buffer, byteOffset: view.byteOffset, length: view.length };
}

/** The fields of a plain object, or of an ImageData, whose fields are getters of its class. */
function fieldsOf(value: object, path: string): object {
  const prototype = Object.getPrototypeOf(value) as unknown;
  if (prototype === null || prototype === Object.prototype || Object.getPrototypeOf(prototype) === null) return value;
  if ('width' in value && 'height' in value && 'data' in value && ArrayBuffer.isView(value.data)) {
    return { width: value.width, height: value.height, data: value.data };
  }
  const name = (value as { constructor?: { name?: string } }).constructor?.name ?? 'object';
  throw badParams(path, `a ${name} cannot be a param: pass plain objects, typed arrays and ImageData`);
}

/** Puts the typed arrays back into a value that came from an instance. */
export function unpack({ tree, arrays }: Packed): unknown {
  if (arrays.length === 0) return tree;
  const views = arrays.map(({ dtype, buffer, byteOffset, length, shape }) => {
    const view = makeView(dtype, buffer, byteOffset, length);
    return shape ? withShape(view, shape) : view;
  });
  return unpackAt(tree, views);
}

function unpackAt(tree: unknown, views: TypedArray[]): unknown {
  if (typeof tree !== 'object' || tree === null) return tree;
  if (Array.isArray(tree)) return tree.map((item) => unpackAt(item, views));
  if ('$array' in tree) return views[tree.$array as number];
  return Object.fromEntries(Object.entries(tree).map(([key, item]) => [key, unpackAt(item, views)]));
}

/** A typed array of a kind over a buffer. Where there is no Float16Array, its bits as a Uint16Array. */
export function makeView(dtype: number, buffer: ArrayBufferLike, byteOffset: number, length: number): TypedArray {
  const Constructor = constructors[dtype] ?? Uint16Array;
  return new Constructor(buffer, byteOffset, length);
}
