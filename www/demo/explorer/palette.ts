// Colours of escape-time counts: a ring of colours walked at the square root of the count, so that bands near the set's edge, where
// counts run high, are as wide as those far outside.

/** Stops of the ring in sRGB: night, indigo, teal, ivory, amber, rust, plum, and back to night. */
const STOPS = [0x0b1026, 0x24408e, 0x2f9fb0, 0xf4ecd4, 0xf2a541, 0xb5402b, 0x43122f] as const;

const RING_SIZE = 4096;
const RING_MASK = RING_SIZE - 1;

/** Entries of the ring per unit of √count: once around every 12 units. */
const PACE = RING_SIZE / 12;

/** Points inside of the set, as RGBA bytes in memory order. */
const INSIDE = pack(7, 9, 15);

const ring = makeRing();

/**
 * The colour of a count, as the 32-bit word that lays RGBA bytes into an `ImageData`.
 *
 * @param max the count of points that never escaped
 */
export function colourOf(count: number, max: number): number {
  return count >= max ? INSIDE : ring[(Math.sqrt(count) * PACE) & RING_MASK]!;
}

/** The mean of four colours, channel by channel. */
export function meanOf(a: number, b: number, c: number, d: number): number {
  // Two channels at a time, eight bits apart, so that sums do not meet; 2 rounds.
  const low = (a & 0xff00ff) + (b & 0xff00ff) + (c & 0xff00ff) + (d & 0xff00ff) + 0x020002;
  const high = ((a >>> 8) & 0xff00ff) + ((b >>> 8) & 0xff00ff) + ((c >>> 8) & 0xff00ff) + ((d >>> 8) & 0xff00ff) + 0x020002;
  return (((low >>> 2) & 0xff00ff) | (((high >>> 2) & 0xff00ff) << 8)) >>> 0;
}

function makeRing(): Uint32Array {
  const stops = STOPS.map((rgb) => [rgb >> 16, (rgb >> 8) & 255, rgb & 255].map(toLinear).map(Math.sqrt));
  return Uint32Array.from({ length: RING_SIZE }, (_, index) => {
    const at = (index / RING_SIZE) * stops.length;
    const channels = [0, 1, 2].map((channel) => {
      const value = (offset: number) => stops[(Math.floor(at) + offset + stops.length) % stops.length]![channel]!;
      // The curve runs in square roots of light, nearly even to the eye.
      const root = Math.max(0, catmullRom(value(-1), value(0), value(1), value(2), at % 1));
      return toSrgb(root * root);
    });
    return pack(channels[0]!, channels[1]!, channels[2]!);
  });
}

/** The cubic through b and c whose slopes follow the neighbours: no edges at the stops. */
function catmullRom(a: number, b: number, c: number, d: number, t: number): number {
  return b + (t / 2) * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)));
}

function toLinear(byte: number): number {
  const value = byte / 255;
  return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
}

function toSrgb(light: number): number {
  const value = light <= 0.0031308 ? light * 12.92 : 1.055 * light ** (1 / 2.4) - 0.055;
  return Math.round(Math.min(1, value) * 255);
}

/** Every platform with WebAssembly threads is little-endian: red comes first. */
function pack(red: number, green: number, blue: number): number {
  return ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0;
}
