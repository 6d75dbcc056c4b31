// Where a job's arrays lie in an instance's memory, as words in its control block (src/place.rs).
import { PLACE } from './generated.ts';

/** One array. `start` is a byte's address. */
export interface Place {
  dtype: number;
  start: number;
  length: number;
  shape?: number[];
}

/** Words of an array without a shape. */
const WORDS = PLACE.shape / 4;

/** Where the places begin behind so many bytes of MessagePack. */
export function placesAfter(length: number): number {
  return (length + 3) & ~3;
}

/** Bytes that a job's params take with the places of so many arrays, which carry their shapes in the params. */
export function bytesWithPlaces(length: number, arrays: number): number {
  return placesAfter(length) + arrays * PLACE.shape;
}

/** Writes the place of an array without its shape at a word; returns the next free word. */
export function writePlace(words: Int32Array, at: number, { dtype, start, length }: Place): number {
  words[at + PLACE.kind / 4] = dtype;
  words[at + PLACE.start / 4] = start;
  words[at + PLACE.len / 4] = length;
  return at + WORDS;
}

/** Reads so many places from a word on. */
export function readPlaces(words: Int32Array, at: number, count: number): Place[] {
  const places: Place[] = [];
  for (; places.length < count; at += WORDS) {
    const kind = words[at + PLACE.kind / 4]!;
    const place: Place = { dtype: kind % PLACE.rank, start: words[at + PLACE.start / 4]! >>> 0, length: words[at + PLACE.len / 4]! >>> 0 };
    const dimensions = Math.floor(kind / PLACE.rank) - 1;
    if (dimensions >= 0) {
      place.shape = Array.from(words.subarray(at + WORDS, at + WORDS + dimensions), (dimension) => dimension >>> 0);
      at += dimensions;
    }
    places.push(place);
  }
  return places;
}
