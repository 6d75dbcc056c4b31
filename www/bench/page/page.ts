// The page that measures the visitor's own browser: kernels on one to all threads, and plain JavaScript in a worker, results as they come.
import { byId, button, form, html, input, make, select, show } from '../../demo/shell/dom.ts';
import { createHost } from '../../host/entry/browser.ts';
import { cases, SIZES, type Case, type Params, type Size } from '../cases.ts';
import { caseTable, legend } from '../chart.ts';
import { checkPeer } from '../check.ts';
import { measureKernels, type BenchHost, type Place } from '../kernels.ts';
import type { Entry } from '../measure.ts';
import { plain } from '../plain.ts';
import { htmlReport, tiles } from '../report.ts';
import { threadCounts, type Report, type Row } from '../rows.ts';
import { summarize } from '../summary.ts';
import { Helper } from './helper.ts';

const page = html('bench');
const [start, cancel, size, runs] = [button('start'), button('cancel'), select('size'), input('runs')];
const cores = navigator.hardwareConcurrency || 1;
/** Every host has a memory of its own, and pages may not reserve any number of them: above four threads only doublings. */
const threads = threadCounts(cores).filter((count) => count <= 4 || count === cores || Number.isInteger(Math.log2(count)));
let running: AbortController | undefined;
let urls: string[] = [];

function setUp(): void {
  const query = new URLSearchParams(location.search);
  if (query.has('quick')) {
    size.value = 'tiny';
    runs.value = '2';
  }
  size.addEventListener('change', () => listCases(chosenKernels()));
  listCases(undefined);
  const mark = (wanted: (item: Case) => boolean) => {
    const all = cases(sizeOf());
    boxes().forEach((box, index) => (box.checked = wanted(all[index]!)));
  };
  button('some').addEventListener('click', () => mark(({ headline }) => headline));
  button('all').addEventListener('click', () => mark(() => true));
  button('none').addEventListener('click', () => mark(() => false));
  form('choice').addEventListener('submit', (event) => {
    event.preventDefault();
    void measure();
  });
  cancel.addEventListener('click', () => running?.abort());
  addEventListener('keydown', ({ key }) => {
    if (key === 'Escape') running?.abort();
  });
  button('copy').addEventListener('click', () => void copy());
}

function sizeOf(): Size {
  return Object.hasOwn(SIZES, size.value) ? (size.value as Size) : 'light';
}

function boxes(): HTMLInputElement[] {
  return [...html('boxes').querySelectorAll('input')];
}

/** Which cases are marked, by their place: names tell sizes, and change with them. */
function chosenKernels(): boolean[] {
  return boxes().map(({ checked }) => checked);
}

function listCases(marked: boolean[] | undefined): void {
  html('boxes').replaceChildren(...cases(sizeOf()).map(({ name, headline }, index) => {
    const box = make('input', '');
    box.type = 'checkbox';
    box.value = name;
    box.checked = marked ? marked[index] === true : headline;
    return make('label', '', box, make('span', '', name));
  }));
}

/** Says what the page is allowed to do, before anything is measured. */
async function look(): Promise<void> {
  try {
    const host = await createHost({ threads: cores });
    const { backend, why } = host;
    await host.close();
    show(html('machine'), `${runtime()}; ${cores} ${cores === 1 ? 'core' : 'cores'}; ${backend === 'threads' ? 'threads share memory' : `backend ${backend}`}`);
    page.dataset.backend = backend;
    if (backend !== 'threads') {
      show(html('why'), `These figures are not the best that this browser can do: ${why}.`);
      html('why').hidden = false;
    }
    enter('idle', 'Ready.');
  } catch (error) {
    enter('failed', `The host could not start: ${messageOf(error)}`);
  }
}

async function measure(): Promise<void> {
  const chosen = cases(sizeOf()).filter((_, index) => boxes()[index]?.checked);
  if (chosen.length === 0) return enter('idle', 'Choose one case at least.');
  running = new AbortController();
  const { signal } = running;
  const report: Report = { machine: machine(), runtime: runtime(), rows: [] };
  const left: string[] = [];
  enter('running', 'Starting threads…');
  html('results').hidden = true;
  html('cases').replaceChildren();
  const helper = new Helper();
  signal.addEventListener('abort', () => helper.close(), { once: true });
  try {
    const photo = await fetchPhoto(signal);
    await measureKernels(chosen, placeWith(helper, photo, sizeOf(), signal), {
      threads,
      runs: runs.valueAsNumber,
      signal,
      onProgress(index, fraction, what) {
        byId('progress', HTMLProgressElement).value = (index + fraction) / chosen.length;
        show(html('status'), `${index + 1} of ${chosen.length}: ${chosen[index]!.name}`);
        show(html('now'), what);
      },
      onRows(rows) {
        report.rows.push(...rows);
        showCase(rows, report.rows);
      },
      onLeft: (line) => left.push(line),
    });
    finish(report, left);
    enter('done', `${chosen.length} ${chosen.length === 1 ? 'case' : 'cases'} measured.`);
  } catch (error) {
    // What was measured before stays.
    if (report.rows.length > 0) finish(report, left);
    if (signal.aborted) enter('cancelled', 'Cancelled.');
    else enter('failed', messageOf(error));
  } finally {
    running = undefined;
    helper.close();
  }
}

function placeWith(helper: Helper, photo: Uint8Array, of: Size, signal: AbortSignal): Place {
  return {
    open: async (count) => (await createHost({ threads: count })) as unknown as BenchHost,
    input: async ({ name }) => (await helper.ask<{ id: number; input: Params }>({ ask: 'input', size: of, name, photo })).input,
    async rivals({ kernel }, params, ours): Promise<Entry[]> {
      if (!plain[kernel]?.(params)) return [];
      let known = false;
      const run = async () => {
        signal.throwIfAborted();
        const asked = { ask: 'plain' as const, kernel, output: !known, ...(!known && { params }) };
        known = true;
        return helper.ask<{ id: number; ms: number; output?: unknown }>(asked);
      };
      const refuse = () => Promise.reject(new Error('plain versions make no files'));
      return [{ impl: 'js', kind: 'portable', threads: 1, optional: true, run, verify: async ({ output }) => checkPeer(kernel, await ours(), output, params, refuse) }];
    },
  };
}

async function fetchPhoto(signal: AbortSignal): Promise<Uint8Array> {
  const response = await fetch(new URL('../hubble_deep_field.jpg', import.meta.url), { signal });
  if (!response.ok) throw new Error(`hubble_deep_field.jpg answers ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}

/** The charts escape what they show: they are made of text for the report too. */
function drawn(markup: string): DocumentFragment {
  const template = document.createElement('template');
  template.innerHTML = markup;
  return template.content;
}

function showCase(rows: readonly Row[], all: readonly Row[]): void {
  const { case: name } = rows[0]!;
  const article = make('article', 'case', make('h3', '', name));
  article.append(drawn(caseTable(name, rows)));
  html('cases').append(article);
  html('results').hidden = false;
  html('tiles').replaceChildren(drawn(tiles(summarize(all))));
  html('legend').replaceChildren(drawn(legend(all)));
  html('save').hidden = true;
}

function finish(report: Report, left: readonly string[]): void {
  if (left.length > 0) report.left = [...left];
  html('left').replaceChildren(...left.map((line) => make('li', '', line)));
  html('left').hidden = left.length === 0;
  const json = JSON.stringify(report, null, 2);
  byId('json', HTMLTextAreaElement).value = json;
  urls.forEach((url) => URL.revokeObjectURL(url));
  const name = `loomwork-bench-${report.machine.date.slice(0, 10)}`;
  urls = [offer('download-json', json, 'application/json', `${name}.json`), offer('download-html', htmlReport(report), 'text/html', `${name}.html`)];
  show(html('copied'), '');
  html('save').hidden = false;
}

function offer(id: string, content: string, type: string, name: string): string {
  const link = byId(id, HTMLAnchorElement);
  const url = URL.createObjectURL(new Blob([content], { type }));
  link.href = url;
  link.download = name;
  return url;
}

async function copy(): Promise<void> {
  const json = byId('json', HTMLTextAreaElement);
  try {
    await navigator.clipboard.writeText(json.value);
    show(html('copied'), 'Copied.');
  } catch {
    json.closest('details')!.open = true;
    json.select();
    show(html('copied'), 'This browser does not allow it: copy it from below.');
  }
}

type State = 'idle' | 'running' | 'done' | 'cancelled' | 'failed';

function enter(state: State, status: string): void {
  const busy = state === 'running';
  page.dataset.state = state;
  // The button with the focus must not be taken away from under it.
  const focused = document.activeElement;
  start.disabled = busy || !page.dataset.backend;
  cancel.disabled = !busy;
  byId('choices', HTMLFieldSetElement).disabled = busy;
  if (busy && (focused === start || focused === document.body)) cancel.focus();
  if (!busy && focused === cancel) start.focus();
  show(html('status'), status);
  show(html('now'), '');
  if (state !== 'running') byId('progress', HTMLProgressElement).value = state === 'done' ? 1 : 0;
}

function machine(): Report['machine'] {
  const platform = (navigator as { userAgentData?: { platform?: string } }).userAgentData?.platform || navigator.platform;
  return { cpu: 'this browser’s machine', cores, os: platform, date: new Date().toISOString() };
}

/** The browser's name and version, as far as it tells them. */
function runtime(): string {
  const agent = navigator.userAgent;
  const found = /(Edg|OPR|Firefox|Chrome|Version)\/([\d.]+)/g;
  const names: Record<string, string> = { Edg: 'Edge', OPR: 'Opera', Version: 'Safari' };
  const all = [...agent.matchAll(found)];
  const [, name, version] = all.find(([, id]) => id === 'Edg' || id === 'OPR') ?? all[0] ?? [];
  return name ? `${names[name] ?? name} ${version!.split('.')[0]}` : 'an unknown browser';
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

setUp();
void look();
