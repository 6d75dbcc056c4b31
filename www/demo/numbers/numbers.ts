// The panel that hashes and sorts: a file's bytes, or random numbers.
import { button, facts, form, html, input, make, select, show } from '../shell/dom.ts';
import { takeFiles } from '../shell/files.ts';
import { bytes, integer, milliseconds, rate } from '../shell/format.ts';
import { CancelledByVisitor, type Jobs } from '../shell/jobs.ts';
import { clearNotices, tellError } from '../shell/notices.ts';
import { inSlices } from '../shell/slices.ts';
import { holdSame, isSorted } from './check.ts';
import { elementNames, readAs, type ElementType, type Numbers } from './elements.ts';

const ALGORITHMS = { sha256: 'SHA-256', blake3: 'BLAKE3' } as const;
/** Numbers that are shown of either end. */
const SHOWN = 3;

export function startNumbers(jobs: Jobs): void {
  const [hashButton, sortButton, type, count] = [button('hash-run'), button('sort-run'), select('sort-type'), select('data-count')];
  const [name, hashResults, sortResults] = [html('data-name'), html('hash-results'), html('sort-results')];
  let data: Uint8Array<ArrayBuffer> | undefined;
  /** Aborts when other data takes the place of these. */
  let newer = new AbortController();

  type.append(...Object.entries(elementNames).map(([value, text]) => new Option(text, value)));
  form('data-card').addEventListener('submit', (event) => event.preventDefault());
  takeFiles({ input: input('data-file'), area: html('panel-numbers') }, (file) => {
    type.value = 'u8';
    void load(`${file.name}, ${bytes(file.size)}`, async () => new Uint8Array(await file.arrayBuffer()));
  });
  button('data-random').addEventListener('click', () => {
    const length = Number(count.value);
    type.value = 'f64';
    void load(`${integer(length)} random 64-bit floats, ${bytes(length * 8)}`, (signal) => randomNumbers(length, signal));
  });
  form('hash-card').addEventListener('submit', (event) => {
    event.preventDefault();
    if (data) void work(hashButton, hashResults, 'The data could not be hashed', hash(data));
  });
  form('sort-card').addEventListener('submit', (event) => {
    event.preventDefault();
    if (data) void work(sortButton, sortResults, 'The data could not be sorted', sort(data, type.value as ElementType));
  });

  async function load(label: string, make: (signal: AbortSignal) => Promise<Uint8Array<ArrayBuffer>>): Promise<void> {
    newer.abort();
    newer = new AbortController();
    const { signal } = newer;
    data = undefined;
    hashButton.disabled = sortButton.disabled = true;
    name.dataset.state = 'working';
    show(name, `${label}…`);
    for (const results of [hashResults, sortResults]) {
      results.replaceChildren();
      results.dataset.state = 'empty';
    }
    try {
      data = await make(signal);
    } catch (thrown) {
      if (signal.aborted) return;
      name.dataset.state = 'failed';
      show(name, 'No data.');
      return tellError('The data could not be read', thrown);
    }
    hashButton.disabled = sortButton.disabled = false;
    name.dataset.state = 'done';
    show(name, label);
  }

  /** Runs one of the two, with its button out of use meanwhile. */
  async function work(trigger: HTMLButtonElement, results: HTMLElement, what: string, run: (signal: AbortSignal) => Promise<Node[]>): Promise<void> {
    const { signal } = newer;
    trigger.disabled = true;
    results.dataset.state = 'working';
    try {
      const shown = await run(signal);
      signal.throwIfAborted();
      clearNotices();
      results.replaceChildren(...shown);
      results.dataset.state = 'done';
    } catch (thrown) {
      if (signal.aborted) return;
      results.dataset.state = thrown instanceof CancelledByVisitor ? 'cancelled' : 'failed';
      if (!(thrown instanceof CancelledByVisitor)) tellError(what, thrown);
    }
    trigger.disabled = false;
  }

  function hash(bytesOfData: Uint8Array): (signal: AbortSignal) => Promise<Node[]> {
    return (signal) => jobs.perform(async ({ run }) => {
      const rows: Node[] = [];
      for (const [algorithm, title] of Object.entries(ALGORITHMS) as [keyof typeof ALGORITHMS, string][]) {
        const job = run('hash', { data: bytesOfData, algorithm });
        const { hex } = await job;
        const digest = make('code', 'digest', hex);
        digest.dataset.algorithm = algorithm;
        rows.push(make('h4', '', `${title} `, make('span', 'speed', rate(bytesOfData.length, job.timing.running, 'bytes'))), digest);
      }
      return rows;
    }, signal);
  }

  function sort(bytesOfData: Uint8Array<ArrayBuffer>, element: ElementType): (signal: AbortSignal) => Promise<Node[]> {
    return async (signal) => {
      const numbers = readAs(bytesOfData, element);
      const { sorted, ms } = await jobs.perform(async ({ run }) => {
        const job = run('sort', { data: numbers });
        const output = await job;
        return { sorted: output.data as Numbers, ms: job.timing.running };
      }, signal);
      const right = (await isSorted(sorted, signal)) && (await holdSame(numbers, sorted, signal));
      const left = bytesOfData.length - numbers.byteLength;
      const list = make('dl', 'facts wide', ...facts([
        ['Sorted', `${integer(sorted.length)} numbers in ${milliseconds(ms)}`],
        ['Speed', rate(sorted.length, ms, 'numbers')],
        ['First', ends(sorted.subarray(0, SHOWN))],
        ['Last', ends(sorted.subarray(-SHOWN))],
        ['Checked', right ? 'in order, and nothing lost' : 'WRONG: not in order, or not the same numbers'],
        ...(left > 0 ? [['Left out', `the last ${left} bytes: no whole number`] as const] : []),
      ]));
      list.dataset.right = String(right);
      list.dataset.length = String(sorted.length);
      return [list];
    };
  }
}

function ends(numbers: Numbers): string {
  return Array.from(numbers as ArrayLike<number | bigint>, String).join(', ') || 'none';
}

/** Uniform between −1 and 1, made in slices: the page goes on. */
async function randomNumbers(length: number, signal: AbortSignal): Promise<Uint8Array<ArrayBuffer>> {
  const numbers = new Float64Array(length);
  let index = 0;
  await inSlices(() => {
    for (const end = Math.min(length, index + 10_000); index < end; index += 1) numbers[index] = Math.random() * 2 - 1;
    return index < length;
  }, signal);
  return new Uint8Array(numbers.buffer);
}
