// Times by how often they came: a fixed number of buckets, each an eighth of a power of two wide, so that any percentile is exact to 9 %.

const STEPS = 8;
/** The smallest bucket begins here, in milliseconds; the largest ends at about a day. */
const LEAST_MS = 1e-4;
const BUCKETS = STEPS * 40;

/** Times of one kind, in milliseconds. */
export interface TimesSummary {
  count: number;
  mean: number;
  p50: number;
  p90: number;
  p99: number;
  max: number;
}

export class Histogram {
  readonly #counts = new Float64Array(BUCKETS);
  #count = 0;
  #sum = 0;
  #max = 0;

  add(ms: number): void {
    const bucket = ms <= LEAST_MS ? 0 : Math.min(BUCKETS - 1, Math.floor(Math.log2(ms / LEAST_MS) * STEPS));
    this.#counts[bucket]! += 1;
    this.#count += 1;
    this.#sum += ms;
    if (ms > this.#max) this.#max = ms;
  }

  get summary(): TimesSummary {
    const mean = this.#count > 0 ? this.#sum / this.#count : 0;
    return { count: this.#count, mean, p50: this.#at(0.5), p90: this.#at(0.9), p99: this.#at(0.99), max: this.#max };
  }

  /** The upper end of the bucket in which the percentile lies. */
  #at(fraction: number): number {
    let left = Math.ceil(this.#count * fraction);
    if (left === 0) return 0;
    for (let bucket = 0; bucket < BUCKETS; bucket += 1) {
      left -= this.#counts[bucket]!;
      if (left <= 0) return Math.min(this.#max, LEAST_MS * 2 ** ((bucket + 1) / STEPS));
    }
    return this.#max;
  }
}
