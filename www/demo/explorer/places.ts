// Views worth a visit.
import type { View } from './view.ts';

export const places: readonly { name: string; view: View }[] = [
  { name: 'Seahorse valley', view: { re: -0.7453, im: 0.1127, span: 0.0075 } },
  { name: 'A seahorse’s tail', view: { re: -0.743643887037151, im: 0.13182590420533, span: 5e-5 } },
  { name: 'Elephant valley', view: { re: 0.2822, im: 0.0085, span: 0.022 } },
  { name: 'Triple spiral', view: { re: -0.0885, im: 0.6552, span: 0.012 } },
  { name: 'A set within the set', view: { re: -1.757, im: 0, span: 0.052 } },
  { name: 'Deep: twelve decimals', view: { re: -0.7436438870371587, im: 0.1318259042053119, span: 4e-12 } },
];
