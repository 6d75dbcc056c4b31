// Views to render, and what is right: plain JavaScript, for tests in any runtime.

/** A view with interior, boundary and exterior, whose sizes are primes. */
export const view = { width: 211, height: 157, centerX: -0.6, centerY: 0.05, span: 2.8, maxIterations: 300 };

/** A render that takes long enough to be stopped on any machine. */
export const endless = { width: 4000, height: 4000, centerX: -0.1, centerY: 0.65, span: 1e-3, maxIterations: 50_000_000 };

/** The Mandelbrot counts by their definition, in plain JavaScript. */
export function naiveMandelbrot({ width, height, centerX, centerY, span, maxIterations }) {
  const counts = new Uint32Array(width * height);
  const step = span / width;
  for (let row = 0; row < height; row += 1) {
    const ci = centerY + (row + 0.5 - height / 2) * step;
    for (let column = 0; column < width; column += 1) {
      const cr = centerX + (column + 0.5 - width / 2) * step;
      let zr = 0;
      let zi = 0;
      let count = 0;
      while (count < maxIterations) {
        [zr, zi] = [zr * zr - zi * zi + cr, 2 * zr * zi + ci];
        if (!(zr * zr + zi * zi <= 4)) break;
        count += 1;
      }
      counts[row * width + column] = count;
    }
  }
  return counts;
}
