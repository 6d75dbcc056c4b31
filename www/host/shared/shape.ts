// Shapes of typed arrays. JavaScript's arrays have none, so they are remembered on the side.
import type { TypedArray } from './generated.ts';

const shapes = new WeakMap<object, readonly number[]>();

/**
 * The shape that a kernel gave to an output's array, rows first.
 *
 * @example
 * const { counts } = await host.run('mandelbrot', params);
 * shapeOf(counts); // [height, width]
 */
export function shapeOf(array: TypedArray): readonly number[] | undefined {
  return shapes.get(array);
}

/**
 * Gives a shape to an array, for kernels that heed it. Its product must be the array's length.
 *
 * @returns the same array
 */
export function withShape<A extends TypedArray>(array: A, shape: readonly number[]): A {
  const elements = shape.reduce((product, n) => product * n, 1);
  if (elements !== array.length || shape.some((n) => !Number.isInteger(n) || n < 0)) {
    throw new RangeError(`shape [${shape.join(', ')}] does not fit ${array.length} elements`);
  }
  shapes.set(array, [...shape]);
  return array;
}
