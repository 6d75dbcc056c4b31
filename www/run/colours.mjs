// Colours for escape counts: a smooth ring of colours that the logarithm of the count goes round, so that both the quick outside and
// the slow edge show their shapes.

/** Night blue, teal, white, gold, deep red, and night blue again. */
const STOPS = [[6, 10, 44], [14, 92, 140], [236, 248, 250], [250, 178, 40], [110, 20, 34], [6, 10, 44]];
/** Times round the ring from the first count to the last. */
const TURNS = 3;

/**
 * @param {Uint32Array} counts
 * @param {number} maxIterations the count of points that never escaped: they are black
 * @returns {Uint8ClampedArray} RGBA
 */
export function colour(counts, maxIterations) {
  let least = maxIterations;
  for (const count of counts) if (count < least) least = count;
  const palette = makePalette(least, maxIterations);
  const pixels = new Uint32Array(counts.length);
  for (let index = 0; index < counts.length; index += 1) pixels[index] = palette[counts[index]];
  return new Uint8ClampedArray(pixels.buffer);
}

/** A pixel for each count. Built as bytes, so that it is right on machines of either byte order. */
function makePalette(least, most) {
  const bytes = new Uint8ClampedArray((most + 1) * 4);
  const span = Math.log((most + 1) / (least + 1)) || 1;
  for (let count = 0; count < most; count += 1) {
    const place = (Math.max(0, Math.log((count + 1) / (least + 1)) / span) * TURNS) % 1;
    bytes.set([...blend(place), 255], count * 4);
  }
  bytes.set([0, 0, 0, 255], most * 4);
  return new Uint32Array(bytes.buffer);
}

/** The colour at a place from 0 to 1 on the ring; eased, so that no stop shows as a crease. */
function blend(place) {
  const at = place * (STOPS.length - 1);
  const from = Math.min(Math.floor(at), STOPS.length - 2);
  const t = at - from;
  const eased = t * t * (3 - 2 * t);
  return STOPS[from].map((low, channel) => low + (STOPS[from + 1][channel] - low) * eased);
}
