// Bars, drawn by hand as SVG inside of tables: whoever cannot see a chart reads the same table. Text is escaped here, whatever it is.
import { higherIsBetter, type Row } from './rows.ts';
import { spread } from './table.ts';

/** A bar that is longer than this many times ours is cut: the others would be nothing beside it. */
const MOST_TIMES_OURS = 8;

export function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** The class that gives a row its colour. */
function colourOf({ impl, kind }: Row): string {
  return impl === 'native-cpu' ? impl : kind;
}

/** Every colour and what it says, of those that are used. */
export function legend(rows: readonly Row[]): string {
  const onlyPlain = rows.every(({ impl, kind }) => kind !== 'portable' || impl === 'js');
  const names: Record<string, string> = {
    ours: 'Loomwork', native: 'the same Rust, compiled natively', 'native-cpu': 'the same, with all of this machine’s features',
    portable: onlyPlain ? 'plain JavaScript' : 'JavaScript and wasm', addon: 'native add-ons',
  };
  const used = new Set(rows.map(colourOf));
  const items = Object.entries(names).filter(([colour]) => used.has(colour));
  return `<ul class="legend">${items.map(([colour, name]) => `<li>${swatch(colour)}${escaped(name)}</li>`).join('')}</ul>`;
}

function swatch(colour: string): string {
  return `<svg class="bar" viewBox="0 0 1 1" aria-hidden="true"><rect class="${colour}" width="1" height="1"/></svg>`;
}

/** One case: every implementation, its median as a bar, a line from its least to its greatest. */
export function caseTable(name: string, rows: readonly Row[]): string {
  const { unit } = rows[0]!;
  const ours = rows.filter(({ kind }) => kind === 'ours');
  const reach = Math.max(...ours.map(({ median }) => median)) * MOST_TIMES_OURS;
  const end = Math.min(Math.max(...rows.map(({ median, max }) => Math.max(median, Math.min(max, median * 1.5)))), reach);
  const better = higherIsBetter(unit) ? 'more is better' : 'less is better';
  let before = '';
  const lines = [...rows].sort(inGroups).map((row) => {
    const colour = colourOf(row);
    const first = before !== '' && before !== colour;
    before = colour;
    return `<tr${first ? ' class="first"' : ''}><th scope="row">${escaped(row.impl).replace('/', '/<wbr>')}</th><td class="count">${row.threads}</td>`
      + `<td class="drawn">${bar(row, end)}</td><td class="number">${figure(row)}</td><td class="range">${escaped(rangeOf(row))}</td></tr>`;
  });
  return `<table class="bars"><caption class="away">${escaped(name)}</caption><thead><tr><th scope="col"><span class="away">implementation</span></th>`
    + `<th scope="col" class="count">threads</th><th scope="col" class="drawn">${escaped(unit)}, ${better}</th><th scope="col" class="number">median</th>`
    + `<th scope="col" class="range">least–greatest</th></tr></thead><tbody>${lines.join('')}</tbody></table>`;
}

function bar(row: Row, end: number): string {
  const at = (value: number) => ((Math.min(value, end) / end) * 100).toFixed(2);
  const cut = row.median > end * 1.001 ? '<rect class="cut" x="94" width="1.2" height="10"/><rect class="cut" x="96.5" width="1.2" height="10"/>' : '';
  const whisker = cut ? '' : `<line x1="${at(row.min)}" x2="${at(row.max)}" y1="5" y2="5"/>`;
  return `<svg class="bar" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true"><rect class="${colourOf(row)}" width="${at(row.median)}" height="10"/>${cut}${whisker}</svg>`;
}

/** Ours by threads, native by threads, then peers, the best first. */
function inGroups(a: Row, b: Row): number {
  const order = ['ours', 'native', 'native-cpu', 'portable', 'addon'];
  const group = order.indexOf(colourOf(a)) - order.indexOf(colourOf(b));
  if (group !== 0) return group;
  if (a.kind === 'ours' || a.kind === 'native') return a.threads - b.threads;
  return higherIsBetter(a.unit) ? b.median - a.median : a.median - b.median;
}

function figure({ median, unit }: Row): string {
  const digits = median >= 1000 || higherIsBetter(unit) ? 0 : median >= 100 ? 1 : 2;
  return median.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

function rangeOf(row: Row): string {
  return /\((.*)\)/.exec(spread(row))![1]!;
}

/** One ratio for each name, with a line where it is 1 (or `goal`), and a mark where another's is. */
export interface RatioBar {
  name: string;
  ratio: number;
  mark?: number | undefined;
  weak?: boolean;
}

export function ratioTable(caption: string, column: string, bars: readonly RatioBar[], goal: number): string {
  const end = Math.max(goal * 1.05, ...bars.map(({ ratio, mark = 0 }) => Math.max(ratio, mark) * 1.03));
  const at = (value: number) => ((value / end) * 100).toFixed(2);
  const lines = bars.map(({ name, ratio, mark, weak }) =>
    `<tr${weak ? ' class="weak"' : ''}><th scope="row">${escaped(name)}</th><td class="drawn"><svg class="bar" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">`
    + `<rect class="ours" width="${at(ratio)}" height="10"/><line x1="${at(goal)}" x2="${at(goal)}" y1="0" y2="10" stroke-dasharray="2 2"/>`
    + `${mark === undefined ? '' : `<line class="mark" x1="${at(mark)}" x2="${at(mark)}" y1="1" y2="9"/>`}</svg></td><td class="number">${ratio.toFixed(2)}</td></tr>`);
  return `<table class="bars ratios"><caption class="away">${escaped(caption)}</caption><thead><tr><th scope="col"><span class="away">kernel</span></th><th scope="col" class="drawn">${escaped(column)}</th>`
    + `<th scope="col" class="number">ratio</th></tr></thead><tbody>${lines.join('')}</tbody></table>`;
}
