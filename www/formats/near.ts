// Names that were probably meant.
import { distance } from 'fastest-levenshtein';

/** `, did you mean 'width'?` for the known names near to a wrong one; empty when none is. */
export function didYouMean(name: string, known: readonly string[]): string {
  const lower = name.toLowerCase();
  const close = (other: string) => {
    const far = distance(lower, other.toLowerCase());
    return far <= (name.length < 4 ? 1 : Math.max(2, Math.floor(name.length / 3))) || (lower.length > 2 && other.toLowerCase().includes(lower));
  };
  const near = known.filter(close);
  return near.length === 0 ? '' : `, did you mean ${near.map((other) => `'${other}'`).join(' or ')}?`;
}
