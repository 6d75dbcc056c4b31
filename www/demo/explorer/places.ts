// Views worth a visit.
import { fromText } from './decimal.ts';
import type { View } from './view.ts';

export const places: readonly { name: string; view: View }[] = [
  { name: 'Seahorse valley', view: at('-0.7453', '0.1127', 0.0075) },
  { name: 'A seahorse’s tail', view: at('-0.743643887037151', '0.13182590420533', 5e-5) },
  { name: 'Elephant valley', view: at('0.2822', '0.0085', 0.022) },
  { name: 'Triple spiral', view: at('-0.0885', '0.6552', 0.012) },
  { name: 'A set within the set', view: at('-1.757', '0', 0.052) },
  { name: 'Deep: twelve decimals', view: at('-0.7436438870371587', '0.1318259042053119', 4e-12) },
  { name: 'Deeper: a set at thirty decimals', view: at('-0.776610592599701758140357569190843768673', '-0.134608961675028200069809650880503159321', 1e-29) },
];

function at(re: string, im: string, span: number): View {
  return { re: fromText(re)!, im: fromText(im)!, span };
}
