// An output as people read it: one line a field.
import { shapeOf, type TypedArray } from '../host/entry/node.ts';
import { isTypedArray, jsonText } from '../formats/json.ts';

/** Elements shown of an array: all of a short one, else the first and the last of them. */
const SHOWN = 12;
const FIRST = 6;
const LAST = 3;

/** `counts: Uint32Array(12), shape [3, 4]: [1, 2, …]` */
export function summaryLine(name: string, value: unknown): string {
  if (isTypedArray(value)) return `${name}: ${arrayText(value)}`;
  if (isImage(value)) return `${name}: image of ${value.width}×${value.height} pixels`;
  return `${name}: ${containsArray(value) ? jsonText(value, SHOWN) : jsonText(value)}`;
}

function arrayText(array: TypedArray): string {
  const shape = shapeOf(array);
  const show = (element: number | bigint) => (array instanceof Float32Array ? String(Number((element as number).toPrecision(7))) : String(element));
  const elements = Array.from(array.length <= SHOWN ? array : array.subarray(0, FIRST), show);
  if (array.length > SHOWN) elements.push('…', ...Array.from(array.subarray(-LAST), show));
  const layout = shape && shape.length !== 1 ? `, shape [${shape.join(', ')}]:` : '';
  return `${array[Symbol.toStringTag]}(${array.length})${layout} [${elements.join(', ')}]`;
}

function isImage(value: unknown): value is { width: number; height: number } {
  return typeof value === 'object' && value !== null && 'width' in value && 'height' in value && 'data' in value && value.data instanceof Uint8ClampedArray;
}

function containsArray(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return isTypedArray(value) || Object.values(value).some(containsArray);
}
