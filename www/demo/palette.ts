// Colours of iteration counts. Pure, so that tests can compare pixels with it.

/** Colours around the wheel, as red, green, blue. */
const STOPS: readonly (readonly [number, number, number])[] = [
  [9, 12, 40],
  [38, 52, 150],
  [76, 141, 235],
  [176, 233, 241],
  [255, 243, 205],
  [247, 178, 89],
  [214, 79, 90],
  [96, 24, 88],
];

/** Points of the set itself. */
const INSIDE: readonly [number, number, number] = [6, 7, 14];

/** Once around the wheel for so many doublings of the count, from 8 on: below, the first colours stay dark. */
const DOUBLINGS = 5;

/**
 * A table from count to colour, as little-endian RGBA words for a Uint32Array over ImageData.
 *
 * Neighbouring counts get neighbouring colours on a logarithmic scale, so that bands stay even from the outside to the edge of the set.
 */
export function paletteOf(maxIterations: number): Uint32Array {
  const table = new Uint32Array(maxIterations + 1);
  for (let count = 0; count < maxIterations; count += 1) {
    const at = ((Math.log2(1 + count / 8) / DOUBLINGS) % 1) * STOPS.length;
    const index = Math.floor(at);
    const from = STOPS[index % STOPS.length]!;
    const to = STOPS[(index + 1) % STOPS.length]!;
    const share = at - index;
    table[count] = pack(from[0] + (to[0] - from[0]) * share, from[1] + (to[1] - from[1]) * share, from[2] + (to[2] - from[2]) * share);
  }
  table[maxIterations] = pack(...INSIDE);
  return table;
}

function pack(red: number, green: number, blue: number): number {
  return ((255 << 24) | (Math.round(blue) << 16) | (Math.round(green) << 8) | Math.round(red)) >>> 0;
}
