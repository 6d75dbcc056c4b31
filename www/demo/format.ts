// Numbers as people read them.

/** Milliseconds, or seconds from one second on. */
export function duration(ms: number): string {
  return ms >= 1000 ? `${(ms / 1000).toFixed(2)} s` : `${ms.toFixed(ms < 10 ? 1 : 0)} ms`;
}

/** Bytes in steps of 1000. */
export function bytes(count: number): string {
  if (count < 1000) return `${count} B`;
  return count < 1e6 ? `${(count / 1e3).toFixed(1)} kB` : `${(count / 1e6).toFixed(count < 1e7 ? 2 : 1)} MB`;
}

/** A count with separators. */
export function count(value: number): string {
  return value.toLocaleString('en');
}
