// Sorting and hashing: random numbers or a file's bytes, with the speed and a check of the result.
import type { TypedArray } from '../host/entry/browser.ts';
import { byId } from './dom.ts';
import type { Engine } from './engine.ts';
import { bytes, count, duration } from './format.ts';
import { clearNotice, tell } from './notice.ts';

const TYPES = { Float64Array, Float32Array, Uint8Array, Int8Array, Uint16Array, Int16Array, Uint32Array, Int32Array, BigUint64Array, BigInt64Array };

/** Work on the main thread is cut into slices of so many milliseconds. */
const SLICE_MS = 4;

export function startNumbers(engine: Engine): void {
  const result = byId('numbers-result', HTMLElement);
  const type = byId('numbers-type', HTMLSelectElement);
  const file = byId('numbers-file', HTMLInputElement);
  for (const name of Object.keys(TYPES)) type.add(new Option(name));
  type.value = 'Uint8Array';
  file.addEventListener('change', () => {
    byId('numbers-form', HTMLFormElement).querySelector<HTMLInputElement>('input[value=file]')!.checked = true;
  });

  async function input(): Promise<TypedArray> {
    const source = new FormData(byId('numbers-form', HTMLFormElement)).get('source');
    if (source === 'random') return randomNumbers(Number(byId('numbers-count', HTMLSelectElement).value));
    const chosen = file.files?.[0];
    if (!chosen) throw new Error('choose a file first');
    const Type = TYPES[type.value as keyof typeof TYPES];
    const whole = chosen.size - (chosen.size % Type.BYTES_PER_ELEMENT);
    return new Type(await chosen.slice(0, whole).arrayBuffer());
  }

  async function sort(): Promise<void> {
    const data = await input();
    const host = await engine.ready();
    const job = engine.track(host.run('sort', { data }, { transfer: [data.buffer as ArrayBuffer] }));
    const sorted = (await job).data;
    const ms = job.timing.running;
    const inOrder = await isSorted(sorted);
    show([
      ['Sorted', `${count(sorted.length)} × ${sorted.constructor.name}`],
      ['Time', duration(ms)],
      ['Speed', `${(sorted.length / ms / 1000).toFixed(1)} million a second`],
      ['First', preview(sorted, 0)],
      ['Last', preview(sorted, sorted.length - 3)],
      ['Checked', inOrder ? 'every neighbour is in order' : 'NOT in order'],
    ]);
  }

  async function hash(): Promise<void> {
    const data = await input();
    const host = await engine.ready();
    const rows: [string, string][] = [['Hashed', bytes(data.byteLength)]];
    for (const algorithm of ['sha256', 'blake3'] as const) {
      const job = engine.track(host.run('hash', { data: new Uint8Array(data.buffer, data.byteOffset, data.byteLength), algorithm }));
      const { hex } = await job;
      const ms = job.timing.running;
      rows.push([algorithm === 'sha256' ? 'SHA-256' : 'BLAKE3', hex], ['', `${duration(ms)}, ${(data.byteLength / ms / 1000).toFixed(0)} MB/s`]);
    }
    show(rows);
  }

  function show(rows: [string, string][]): void {
    const table = byId('numbers-table', HTMLTableElement);
    const body = table.tBodies[0]!;
    body.replaceChildren(...rows.map(([name, value]) => {
      const row = document.createElement('tr');
      const head = document.createElement('th');
      head.scope = 'row';
      head.textContent = name;
      const cell = document.createElement('td');
      cell.textContent = value;
      row.append(head, cell);
      return row;
    }));
    table.hidden = false;
    clearNotice();
  }

  function act(what: () => Promise<void>): void {
    const before = result.dataset['state'];
    result.dataset['state'] = 'working';
    what().then(
      () => {
        result.dataset['state'] = 'done';
      },
      (error: unknown) => {
        result.dataset['state'] = before === 'done' ? 'done' : 'empty';
        tell(error);
      },
    );
  }

  byId('numbers-form', HTMLFormElement).addEventListener('submit', (event) => {
    event.preventDefault();
    act(sort);
  });
  byId('numbers-hash', HTMLButtonElement).addEventListener('click', () => act(hash));
}

async function randomNumbers(length: number): Promise<Float64Array<ArrayBuffer>> {
  const data = new Float64Array(length);
  await inSlices(length, (index) => {
    data[index] = (Math.random() - 0.5) * 2e6;
  });
  return data;
}

/** Whether no element is above the next; NaN stands at the end and is passed over. */
async function isSorted(data: TypedArray): Promise<boolean> {
  let right = true;
  await inSlices(data.length - 1, (index) => {
    if (data[index]! > data[index + 1]!) right = false;
  });
  return right;
}

async function inSlices(length: number, step: (index: number) => void): Promise<void> {
  let index = 0;
  while (index < length) {
    const until = performance.now() + SLICE_MS;
    while (index < length && performance.now() < until) {
      for (const end = Math.min(length, index + 10_000); index < end; index += 1) step(index);
    }
    await new Promise((resolve) => setTimeout(resolve));
  }
}

function preview(data: TypedArray, from: number): string {
  return Array.from({ length: Math.min(3, data.length) }, (_, offset) => String(data[Math.max(0, from) + offset])).join(', ');
}
