// Values as JSON text, in pieces, so that a large array never becomes one string. A typed array is an object that says what it is:
// {"type": "Uint32Array", "shape": [2, 3], "length": 6, "data": [1, 2, …]}.
import { shapeOf, type TypedArray } from '../host/entry/node.ts';

/** Elements that one piece of text holds. */
const PIECE = 1 << 14;

/**
 * @param limit a longer array is written without its `data`
 */
export function* jsonPieces(value: unknown, limit = Infinity): Generator<string> {
  if (isTypedArray(value)) {
    yield* arrayPieces(value, limit);
  } else if (Array.isArray(value)) {
    yield '[';
    for (const [index, item] of value.entries()) {
      if (index > 0) yield ',';
      yield* jsonPieces(item, limit);
    }
    yield ']';
  } else if (typeof value === 'object' && value !== null) {
    yield '{';
    let first = true;
    for (const [key, item] of Object.entries(value)) {
      if (item === undefined) continue;
      yield `${first ? '' : ','}${JSON.stringify(key)}:`;
      first = false;
      yield* jsonPieces(item, limit);
    }
    yield '}';
  } else {
    yield typeof value === 'bigint' ? value.toString() : (JSON.stringify(value) ?? 'null');
  }
}

/** The whole text. */
export function jsonText(value: unknown, limit?: number): string {
  return [...jsonPieces(value, limit)].join('');
}

function* arrayPieces(array: TypedArray, limit: number): Generator<string> {
  const shape = shapeOf(array) ?? [array.length];
  yield `{"type":"${array[Symbol.toStringTag]}","shape":[${shape.join(',')}],"length":${array.length}`;
  if (array.length <= limit) {
    yield ',"data":[';
    for (let start = 0; start < array.length; start += PIECE) yield `${start > 0 ? ',' : ''}${Array.from(array.subarray(start, start + PIECE), elementText).join(',')}`;
    yield ']';
  }
  yield '}';
}

/** JSON has no NaN and no infinities: as in JSON.stringify they are null. */
function elementText(element: number | bigint): string {
  return typeof element === 'bigint' || Number.isFinite(element) ? String(element) : 'null';
}

export function isTypedArray(value: unknown): value is TypedArray {
  return ArrayBuffer.isView(value) && !(value instanceof DataView);
}
