// Views to render, and what is right: plain JavaScript, for tests in any runtime.

/** A view with interior, boundary and exterior, whose sizes are primes. */
export const view = { width: 211, height: 157, centerX: -0.6, centerY: 0.05, span: 2.8, maxIterations: 300 };

/** A render that takes long enough to be stopped on any machine. */
export const endless = { width: 4000, height: 4000, centerX: -0.1, centerY: 0.65, span: 1e-3, maxIterations: 50_000_000 };

/** A view that no f64 can see: a branch of the set's that begins at i. */
export const deepView = { width: 9, height: 7, centerX: '0', centerY: '1', span: '3e-40', maxIterations: 700 };

/** The counts by their definition in whole numbers of 2⁻ᵇ: of views whose coordinates are text. */
export function exactMandelbrot({ width, height, centerX, centerY, span, maxIterations }, bits = 320n) {
  const fixed = (text) => {
    const [, sign, whole, fraction = '', power = '0'] = /^(-?)(\d*)\.?(\d*)(?:e(.+))?$/.exec(text);
    const places = BigInt(fraction.length - Number(power));
    const digits = BigInt(`${sign}${whole}${fraction}`) << bits;
    return places > 0n ? digits / 10n ** places : digits * 10n ** -places;
  };
  const [x, y, wide] = [centerX, centerY, span].map(fixed);
  const counts = new Uint32Array(width * height);
  const limit = 4n << (2n * bits);
  for (const index of counts.keys()) {
    const cr = x + (wide * BigInt(2 * (index % width) + 1 - width)) / BigInt(2 * width);
    const ci = y + (wide * BigInt(2 * Math.floor(index / width) + 1 - height)) / BigInt(2 * width);
    let [zr, zi] = [cr, ci];
    while (counts[index] < maxIterations && zr * zr + zi * zi <= limit) {
      [zr, zi] = [((zr * zr - zi * zi) >> bits) + cr, ((2n * zr * zi) >> bits) + ci];
      counts[index] += 1;
    }
  }
  return counts;
}

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
