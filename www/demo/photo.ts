// A photo: decoded, resized and encoded by kernels; shown and offered for download.
import type { KernelMap } from '../host/entry/browser.ts';
import { byId, contextOf, say } from './dom.ts';
import type { Engine } from './engine.ts';
import { bytes, duration } from './format.ts';
import { clearNotice, tell } from './notice.ts';

type Image = KernelMap['image.decode']['output']['image'];
type Filter = NonNullable<KernelMap['image.resize']['params']['filter']>;
type Format = KernelMap['image.encode']['params']['format'];

const FILTERS: Record<Filter, string> = {
  lanczos3: 'Lanczos (sharp)', catmullrom: 'Catmull-Rom', mitchell: 'Mitchell', bilinear: 'Bilinear', hamming: 'Hamming', gaussian: 'Gaussian (soft)', box: 'Box', nearest: 'Nearest pixel',
};

export function startPhoto(engine: Engine): void {
  const result = byId('photo-result', HTMLElement);
  const width = byId('photo-width', HTMLInputElement);
  const height = byId('photo-height', HTMLInputElement);
  const lock = byId('photo-lock', HTMLInputElement);
  const filter = byId('photo-filter', HTMLSelectElement);
  const format = byId('photo-format', HTMLSelectElement);
  const quality = byId('photo-quality', HTMLInputElement);
  const download = byId('photo-download', HTMLAnchorElement);
  const go = byId('photo-go', HTMLButtonElement);
  let source: { image: Image; name: string; decodeMs: number } | undefined;

  for (const [value, text] of Object.entries(FILTERS)) filter.add(new Option(text, value));

  async function open(name: string, file: Blob, isSample: boolean): Promise<void> {
    result.dataset['state'] = 'working';
    try {
      const data = new Uint8Array(await file.arrayBuffer());
      const host = await engine.ready();
      const job = engine.track(host.run('image.decode', { data }, { transfer: [data.buffer] }));
      const { image } = await job;
      source = { image, name, decodeMs: job.timing.running };
      say('photo-source', `${name}, ${image.width} × ${image.height}, ${bytes(file.size)}`);
      byId('photo-credit', HTMLElement).hidden = !isSample;
      for (const field of [width, height, go]) field.disabled = false;
      width.value = String(Math.max(1, Math.round(image.width / 2)));
      fit(width, height, image.height / image.width);
      await resize();
    } catch (error) {
      result.dataset['state'] = source ? 'done' : 'empty';
      tell(error);
    }
  }

  async function resize(): Promise<void> {
    if (!source) return;
    const { image, name, decodeMs } = source;
    result.dataset['state'] = 'working';
    const host = await engine.ready();
    // The source is kept for the next size, so it is copied, slice by slice.
    const resizing = engine.track(host.run('image.resize', { image, width: width.valueAsNumber, height: height.valueAsNumber, filter: filter.value as Filter }));
    const resized = (await resizing).image;
    const encoding = engine.track(host.run('image.encode', {
      image: resized, format: format.value as Format, ...(format.value === 'jpeg' && { quality: quality.valueAsNumber }),
    }));
    const { data } = await encoding;
    show(resized);
    offer(name, data, resized);
    clearNotice();
    say('photo-decode', duration(decodeMs));
    say('photo-resize', `${duration(resizing.timing.running)} to ${resized.width} × ${resized.height}`);
    say('photo-encode', duration(encoding.timing.running));
    say('photo-size', bytes(data.length));
    byId('photo-facts', HTMLElement).hidden = false;
    result.dataset['state'] = 'done';
  }

  function show({ width, height, data }: Image): void {
    const canvas = byId('photo-canvas', HTMLCanvasElement);
    canvas.width = width;
    canvas.height = height;
    contextOf(canvas).putImageData(new ImageData(data as Uint8ClampedArray<ArrayBuffer>, width, height), 0, 0);
  }

  function offer(name: string, data: Uint8Array, { width, height }: Image): void {
    URL.revokeObjectURL(download.href);
    download.href = URL.createObjectURL(new Blob([data as Uint8Array<ArrayBuffer>], { type: `image/${format.value}` }));
    download.download = `${name.replace(/\.\w+$/, '')}-${width}x${height}.${format.value === 'jpeg' ? 'jpg' : format.value}`;
    download.hidden = false;
  }

  function fit(changed: HTMLInputElement, other: HTMLInputElement, ratio: number): void {
    if (lock.checked && changed.valueAsNumber > 0) other.value = String(Math.max(1, Math.round(changed.valueAsNumber * ratio)));
  }

  width.addEventListener('input', () => source && fit(width, height, source.image.height / source.image.width));
  height.addEventListener('input', () => source && fit(height, width, source.image.width / source.image.height));
  quality.addEventListener('input', () => say('photo-quality-value', quality.value));
  format.addEventListener('change', () => {
    byId('photo-quality-field', HTMLElement).hidden = format.value !== 'jpeg';
  });
  byId('photo-form', HTMLFormElement).addEventListener('submit', (event) => {
    event.preventDefault();
    resize().catch((error: unknown) => {
      result.dataset['state'] = 'done';
      tell(error);
    });
  });

  const take = (file: File | null | undefined) => file && void open(file.name, file, false);
  const input = byId('photo-file', HTMLInputElement);
  input.addEventListener('change', () => take(input.files?.[0]));
  byId('photo-sample', HTMLButtonElement).addEventListener('click', () => {
    fetch('hubble_deep_field.jpg')
      .then((response) => (response.ok ? response.blob() : Promise.reject(new Error(`the sample answers ${response.status}`))))
      .then((blob) => open('hubble_deep_field.jpg', blob, true))
      .catch(tell);
  });
  const drop = byId('drop', HTMLElement);
  const panel = byId('panel-photo', HTMLElement);
  panel.addEventListener('dragover', (event) => {
    event.preventDefault();
    drop.classList.add('over');
  });
  panel.addEventListener('dragleave', () => drop.classList.remove('over'));
  panel.addEventListener('drop', (event) => {
    event.preventDefault();
    drop.classList.remove('over');
    take(event.dataTransfer?.files[0]);
  });
  addEventListener('paste', (event) => {
    if (!panel.hidden) take([...(event.clipboardData?.files ?? [])].find(({ type }) => type.startsWith('image/')));
  });
}
