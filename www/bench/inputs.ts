// Inputs of the cases, made by fixed rules: the same on each run and each machine. They lie in shared memory where there is any, so that no
// implementation pays for a copy that it does not need.

type Numbers = { new (buffer: ArrayBufferLike): TypedArray; readonly BYTES_PER_ELEMENT: number };
type TypedArray = Uint8Array | Uint8ClampedArray | Int32Array | Uint32Array | Float32Array | Float64Array;

export interface Picture {
  width: number;
  height: number;
  data: TypedArray;
}

/** xorshift32. */
export function random(seed: number): () => number {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}

export function filled(Type: Numbers, length: number, next: (index: number) => number): TypedArray {
  const size = length * Type.BYTES_PER_ELEMENT;
  const array = new Type(typeof SharedArrayBuffer === 'undefined' ? new ArrayBuffer(size) : new SharedArrayBuffer(size));
  for (let index = 0; index < length; index += 1) array[index] = next(index);
  return array;
}

export function bytes(data: ArrayLike<number>): TypedArray {
  return filled(Uint8Array, data.length, (index) => data[index]!);
}

/** From −1 to 1. */
export function noisy(Type: Numbers, length: number, seed: number): TypedArray {
  const next = random(seed);
  return filled(Type, length, () => next() / 2 ** 31 - 1);
}

/** From −a million to a million, with digits behind the point. */
export function uniform(seed: number): () => number {
  const next = random(seed);
  return () => (next() / 2 ** 32 - 0.5) * 2e6 + next() / 2 ** 32;
}

/** Smooth in large, noisy in small, as photographs are. */
export function picture(width: number, height: number, seed: number): Picture {
  const next = random(seed);
  const data = filled(Uint8ClampedArray, width * height * 4, (index) => {
    if (index % 4 === 3) return 255;
    const pixel = index >> 2;
    return ((pixel % width) * 200) / width + ((pixel / width) * 40) / height + (next() & 15);
  });
  return { width, height, data };
}

/** Words in an order that looks random, and numbers between them: level 6 takes as long for it, and makes as little of it, as of a book. */
export function prose(length: number, seed: number): TypedArray {
  const next = random(seed);
  const words = Array.from({ length: 6000 }, () => {
    let word = '';
    for (let letters = 2 + (next() % 9); letters > 0; letters -= 1) word += 'etaoinshrdlucmfwyp'[Math.min(next() % 18, next() % 18)];
    return word;
  });
  const parts: string[] = [];
  // A few words are most of a text.
  for (let count = 0; count < length; count += parts.at(-1)!.length) {
    const rank = Math.floor(words.length ** (next() / 2 ** 32)) - 1;
    parts.push(next() % 40 === 0 ? `${next()}\n` : `${words[rank]}${next() % 12 === 0 ? '. ' : ' '}`);
  }
  return bytes(new TextEncoder().encode(parts.join('')).subarray(0, length));
}
