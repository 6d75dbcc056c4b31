// A report as one page that needs nothing else: no script, no font, no address.
import palette from '../demo/palette.css';
import { caseTable, escaped, legend, ratioTable } from './chart.ts';
import css from './report.css';
import { casesOf, titleOf, type Report, type Row } from './rows.ts';
import { LEAST_OF_NATIVE, summarize, type CaseSummary, type Rival, type Summary } from './summary.ts';
import { heading } from './table.ts';

export function htmlReport(report: Report): string {
  const { machine, rows, left = [], failed = [] } = report;
  const summary = summarize(rows);
  const date = machine.date.slice(0, 10);
  const measured = casesOf(rows);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Loomwork benchmark, ${escaped(date)}</title>
<style>
${palette}${css}</style>
</head>
<body>
<main class="report">
<header>
<h1>Loomwork benchmark</h1>
<p class="machine">${escaped(heading(report))}; <time datetime="${escaped(machine.date)}">${escaped(date)}</time></p>
${tiles(summary)}
</header>
${overview(summary)}
<section aria-labelledby="cases">
<h2 id="cases">Each case</h2>
<p class="soft">Everything in a case was measured in turn, in one run, on the same input, and every answer was checked. A bar is the median, the line on it goes from the least to the greatest; a bar with two gaps goes on beyond the edge.</p>
${legend(rows)}
${measured.length > 6 ? `<nav aria-label="Cases"><ul class="index">${measured.map(({ rows: [row] }, index) => `<li><a href="#case-${index}">${escaped(titleOf(row!))}</a></li>`).join('')}</ul></nav>` : ''}
<div class="cases">
${measured.map(({ name, rows: mine }, index) => caseSection(titleOf(mine[0]!), mine, index, summary.cases.find((item) => item.name === name))).join('\n')}
</div>
</section>
${lines('left', 'Left out', left)}${lines('failed', 'Failed', failed)}</main>
</body>
</html>
`;
}

function lines(id: string, title: string, texts: readonly string[]): string {
  return texts.length === 0 ? '' : `<section aria-labelledby="${id}"><h2 id="${id}">${title}</h2><ul class="soft">${texts.map((text) => `<li>${escaped(text)}</li>`).join('')}</ul></section>\n`;
}

/** The means, large. */
export function tiles({ cases, kernels, ofNative, ofNativeCpu, scaling, ofNativeScaling, portable }: Summary): string {
  if (kernels.length === 0) return '';
  const threads = Math.max(...cases.map((item) => item.threads));
  const found: [value: string | undefined, label: string][] = [
    [ratio(ofNative), `of native’s speed on ${counted(threads)}`],
    [ratio(ofNativeCpu), 'of native’s with all of this machine’s features'],
    [times(scaling), `as fast on ${counted(threads)} as on one${ofNativeScaling === undefined ? '' : `, ${ratio(ofNativeScaling)} of native’s own scaling`}`],
    [times(portable), cases.every((item) => !item.portable || item.portable.row.impl === 'js') ? 'as fast as plain JavaScript on one thread' : 'as fast as the best portable peer'],
  ];
  const shown = found.filter(([value]) => value !== undefined);
  if (shown.length === 0) return '';
  return `<dl class="tiles">${shown.map(([value, label]) => `<div><dt>${escaped(label)}</dt><dd>${value}</dd></div>`).join('')}</dl>
<p class="soft">Geometric means over ${kernels.length} ${kernels.length === 1 ? 'kernel' : 'kernels'}; each kernel counts once, as the mean of its cases.</p>`;
}

function overview({ cases, kernels, ofNative, scaling, slow }: Summary): string {
  const threads = Math.max(...cases.map((item) => item.threads));
  const parts = [];
  if (ofNative !== undefined) {
    const bars = kernels.filter((kernel) => kernel.ofNative !== undefined).sort((a, b) => b.ofNative! - a.ofNative!);
    const said = slow.length === 0 ? `None is under ${LEAST_OF_NATIVE}.` : `Under ${LEAST_OF_NATIVE}: ${slow.map(({ kernel }) => kernel).join(', ')}.`;
    parts.push(`<section aria-labelledby="native"><h2 id="native">Kernels against the same Rust without wasm</h2>
<p class="soft">Native speed is 1, the dashed line; both on ${counted(threads)}. ${escaped(said)}</p>
${ratioTable('Share of native speed', 'share of native speed', bars.map(({ kernel, ofNative: share }) => ({ name: kernel, ratio: share!, weak: share! < LEAST_OF_NATIVE })), 1)}</section>`);
  }
  if (scaling !== undefined) {
    const bars = kernels.filter((kernel) => kernel.scaling !== undefined).sort((a, b) => b.scaling! - a.scaling!);
    const marked = bars.some(({ ofNativeScaling }) => ofNativeScaling !== undefined);
    parts.push(`<section aria-labelledby="scaling"><h2 id="scaling">Scaling</h2>
<p class="soft">Speed on ${counted(threads)}, that on one being 1. The dashed line is ${threads} times${marked ? '; the mark is native’s own scaling' : ''}.</p>
${ratioTable('Speed on all threads against one', 'all threads against one', bars.map(({ kernel, scaling: own, ofNativeScaling }) => ({ name: kernel, ratio: own!, mark: ofNativeScaling && own! / ofNativeScaling })), threads)}</section>`);
  }
  if (kernels.some(({ portable }) => portable !== undefined)) parts.push(figures(cases));
  return parts.join('\n');
}

/** All ratios of all cases, to be looked up. */
function figures(cases: readonly CaseSummary[]): string {
  const rival = (found: Rival | undefined) => (found ? `${times(found.ratio)}<small>${escaped(found.row.impl)}</small>` : '–');
  const lines = cases.map((item) => `<tr><th scope="row">${escaped(item.name)}</th><td>${ratio(item.ofNative) ?? '–'}</td><td>${ratio(item.ofNativeCpu) ?? '–'}</td>`
    + `<td>${times(item.scaling) ?? '–'}</td><td>${rival(item.portable)}</td><td>${rival(item.portableOne)}</td><td>${rival(item.addon)}</td></tr>`);
  const columns = ['of native', 'with all features', 'scaling', 'best portable peer', 'the same on one thread', 'best add-on'];
  return `<section aria-labelledby="figures"><h2 id="figures">Ratios</h2>
<p class="soft">Over a peer’s name stands how many times its speed ours is: ours on all threads, the peer on those that it has.</p>
<div class="scroll" role="region" aria-label="Ratios of all cases" tabindex="0"><table class="figures"><thead><tr><th scope="col">case</th>${columns.map((name) => `<th scope="col">${escaped(name)}</th>`).join('')}</tr></thead>
<tbody>${lines.join('\n')}</tbody></table></div></section>`;
}

function caseSection(name: string, rows: readonly Row[], index: number, summary: CaseSummary | undefined): string {
  return `<article class="case" id="case-${index}" aria-labelledby="name-${index}"><h3 id="name-${index}">${escaped(name)}</h3>${summary ? told(summary) : ''}${caseTable(name, rows)}</article>`;
}

function told({ ofNative, ofNativeCpu, scaling, nativeScaling, portable, portableOne, addon }: CaseSummary): string {
  const items: [string | undefined, string][] = [
    [ratio(ofNative), 'of native'],
    [ratio(ofNativeCpu), 'of native with all features'],
    [times(scaling), `scaling${nativeScaling === undefined ? '' : `, native ${times(nativeScaling)}`}`],
    [times(portable?.ratio), `the best portable peer’s speed (${portable?.row.impl})`],
    [times(portableOne?.ratio), `on one thread (${portableOne?.row.impl})`],
    [times(addon?.ratio), `the best add-on’s speed (${addon?.row.impl})`],
  ];
  const shown = items.filter(([value]) => value !== undefined);
  return shown.length === 0 ? '' : `<ul class="told">${shown.map(([value, what]) => `<li><b>${value}</b> ${escaped(what)}</li>`).join('')}</ul>`;
}

function ratio(value: number | undefined): string | undefined {
  return value?.toFixed(value >= 100 ? 0 : 2);
}

function times(value: number | undefined): string | undefined {
  return value === undefined ? undefined : `${value.toFixed(value >= 100 ? 0 : value >= 10 ? 1 : 2)}×`;
}

function counted(threads: number): string {
  return `${threads} ${threads === 1 ? 'thread' : 'threads'}`;
}
