// Checks a sort independently of the kernel: that its result is in order, and that it holds what was given.
import { inSlices } from '../shell/slices.ts';
import { bitsOf, type Numbers } from './elements.ts';

/** Elements between two looks at the clock. */
const CHUNK = 1 << 15;

/** Whether no element is above the next one; NaNs belong to the end. */
export async function isSorted(data: Numbers, signal: AbortSignal): Promise<boolean> {
  let sorted = true;
  let index = 1;
  await inSlices(() => {
    const end = Math.min(data.length, index + CHUNK);
    for (; index < end; index += 1) {
      const after = data[index]!;
      if (!(data[index - 1]! <= after) && !Number.isNaN(after)) sorted = false;
    }
    return sorted && index < data.length;
  }, signal);
  return sorted;
}

/** Whether two arrays hold the same numbers in any order, as far as the sums of their bits and of the squares of these tell. */
export async function holdSame(a: Numbers, b: Numbers, signal: AbortSignal): Promise<boolean> {
  if (a.length !== b.length) return false;
  const [sumA, sumB] = [await bitSum(a, signal), await bitSum(b, signal)];
  return sumA[0] === sumB[0] && sumA[1] === sumB[1];
}

async function bitSum(numbers: Numbers, signal: AbortSignal): Promise<[number, number]> {
  const words = bitsOf(numbers);
  const [sums, squares] = [0, 1];
  const total = new Uint32Array(2);
  let index = 0;
  await inSlices(() => {
    const end = Math.min(words.length, index + CHUNK);
    let [sum, square] = [total[sums]!, total[squares]!];
    for (; index < end; index += 1) {
      const word = words[index]!;
      sum = (sum + word) | 0;
      square = (square + Math.imul(word, word)) | 0;
    }
    [total[sums], total[squares]] = [sum, square];
    return index < words.length;
  }, signal);
  return [total[sums]!, total[squares]!];
}
