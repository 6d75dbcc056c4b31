// The photo panel: a file is decoded, resized and encoded by three kernels; what is shown is the encoded file itself.
import type { Image, ImageEncodeParams, ImageResizeParams } from '../../host/entry/browser.ts';
import { byId, facts, form, html, input, select, show } from '../shell/dom.ts';
import { takeFiles } from '../shell/files.ts';
import { bytes, integer, milliseconds } from '../shell/format.ts';
import { CancelledByVisitor, type Desk, type Jobs } from '../shell/jobs.ts';
import { clearNotices, tellError } from '../shell/notices.ts';

type Filter = NonNullable<ImageResizeParams['filter']>;
type Format = ImageEncodeParams['format'];

const FILTERS: Record<Filter, string> = {
  lanczos3: 'Lanczos, the sharpest', catmullrom: 'Catmull-Rom, bicubic', mitchell: 'Mitchell, softer', hamming: 'Hamming', bilinear: 'Bilinear', box: 'Box, the mean',
  gaussian: 'Gaussian, blurs', nearest: 'Nearest, mixes nothing',
};
const EXTENSIONS: Record<Format, string> = { jpeg: 'jpg', png: 'png', webp: 'webp' };
const SAMPLE = { url: new URL('./hubble_deep_field.jpg', import.meta.url), name: 'hubble_deep_field.jpg', caption: 'Hubble eXtreme Deep Field: NASA, ESA' };

/** A setting must rest so long before the photo is made again. */
const REST_MS = 200;

/** What is resized. */
interface Source {
  name: string;
  caption: string;
  image: Image;
  fileBytes: number;
  decodeMs: number;
  format: string;
}

export function startPhoto(jobs: Jobs): void {
  const [width, height, lock, quality] = [input('photo-width'), input('photo-height'), input('photo-lock'), input('photo-quality')];
  const [filter, format] = [select('photo-filter'), select('photo-format')];
  const settings = byId('photo-settings', HTMLFieldSetElement);
  const result = html('photo-result');
  const preview = byId('photo-preview', HTMLImageElement);
  const download = byId('photo-download', HTMLAnchorElement);
  let source: Source | undefined;
  let newer = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;

  filter.append(...Object.entries(FILTERS).map(([value, text]) => new Option(text, value)));
  form('photo-card').addEventListener('submit', (event) => event.preventDefault());
  takeFiles({ input: input('photo-file'), area: html('panel-photo'), pasteWhen: () => !html('panel-photo').hidden }, (file) => void open(file.name, file.name, () => file.arrayBuffer()));
  html('photo-sample').addEventListener('click', () => void open(SAMPLE.name, SAMPLE.caption, fetchSample));

  // The other side follows while the proportions are locked.
  width.addEventListener('input', () => {
    if (lock.checked && source && width.valueAsNumber > 0) height.value = String(Math.max(1, Math.round((width.valueAsNumber * source.image.height) / source.image.width)));
  });
  height.addEventListener('input', () => {
    if (lock.checked && source && height.valueAsNumber > 0) width.value = String(Math.max(1, Math.round((height.valueAsNumber * source.image.width) / source.image.height)));
  });
  lock.addEventListener('change', () => {
    if (lock.checked) width.dispatchEvent(new Event('input', { bubbles: true }));
  });
  settings.addEventListener('input', () => {
    show(html('photo-quality-value'), quality.value);
    html('photo-quality-field').hidden = format.value !== 'jpeg';
    remake();
  });

  /** Decodes a file and shows it at half of its size, or a size that fits a page. */
  async function open(name: string, caption: string, read: () => Promise<ArrayBuffer>): Promise<void> {
    const signal = supersede();
    // They are about the photo of before.
    settings.disabled = true;
    try {
      const file = new Uint8Array(await read());
      const decoded = await jobs.perform(async ({ run }) => {
        const job = run('image.decode', { data: file });
        return { ...(await job), decodeMs: job.timing.running };
      }, signal);
      source = { name, caption, fileBytes: file.length, ...decoded };
    } catch (thrown) {
      if (!signal.aborted) settings.disabled = !source;
      return fail(thrown, signal, 'The file could not be read as a photo');
    }
    const { image } = source;
    const scale = Math.min(0.5, 1600 / Math.max(image.width, image.height));
    width.value = String(Math.max(1, Math.round(image.width * scale)));
    height.value = String(Math.max(1, Math.round(image.height * scale)));
    settings.disabled = false;
    await makeIt(signal, source);
  }

  function supersede(): AbortSignal {
    clearTimeout(timer);
    newer.abort();
    newer = new AbortController();
    result.dataset.state = 'working';
    return newer.signal;
  }

  function remake(): void {
    if (!source) return;
    const signal = supersede();
    const now = source;
    timer = setTimeout(() => void makeIt(signal, now), REST_MS);
  }

  /** Resizes and encodes, and shows the file. */
  async function makeIt(signal: AbortSignal, from: Source): Promise<void> {
    const size = { width: width.valueAsNumber, height: height.valueAsNumber };
    try {
      const made = await jobs.perform((desk) => resizeAndEncode(desk, from.image, size, filter.value as Filter, format.value as Format, quality.valueAsNumber), signal);
      signal.throwIfAborted();
      clearNotices();
      showResult(from, made);
    } catch (thrown) {
      fail(thrown, signal, 'The photo could not be resized');
    }
  }

  function fail(thrown: unknown, signal: AbortSignal, what: string): void {
    if (signal.aborted) return;
    result.dataset.state = thrown instanceof CancelledByVisitor ? 'cancelled' : 'failed';
    if (!(thrown instanceof CancelledByVisitor)) tellError(what, thrown);
  }

  function showResult(from: Source, { data, resized, resizeMs, encodeMs }: Made): void {
    const chosen = format.value as Format;
    URL.revokeObjectURL(preview.src);
    preview.src = URL.createObjectURL(new Blob([data], { type: `image/${chosen}` }));
    preview.width = resized.width;
    preview.height = resized.height;
    preview.alt = `${from.caption}, resized to ${resized.width} by ${resized.height} pixels`;
    preview.hidden = false;
    html('photo-empty').hidden = true;
    show(html('photo-caption'), from.caption);
    download.href = preview.src;
    download.download = `${from.name.replace(/\.[^.]*$/, '')}-${resized.width}x${resized.height}.${EXTENSIONS[chosen]}`;
    show(download, `Download ${EXTENSIONS[chosen].toUpperCase()}, ${bytes(data.length)}`);
    download.hidden = false;
    html('photo-facts').replaceChildren(...facts([
      ['Original', `${integer(from.image.width)} × ${integer(from.image.height)}, ${from.format}, ${bytes(from.fileBytes)}`],
      ['Now', `${integer(resized.width)} × ${integer(resized.height)}, ${chosen}, ${bytes(data.length)}`],
      ['Decode', milliseconds(from.decodeMs)],
      ['Resize', milliseconds(resizeMs)],
      ['Encode', milliseconds(encodeMs)],
    ]));
    Object.assign(result.dataset, { state: 'done', width: resized.width, height: resized.height, bytes: data.length });
  }
}

interface Made {
  data: Uint8Array<ArrayBuffer>;
  resized: { width: number; height: number };
  resizeMs: number;
  encodeMs: number;
}

async function resizeAndEncode({ run }: Desk, image: Image, size: { width: number; height: number }, filter: Filter, format: Format, quality: number): Promise<Made> {
  const resizing = run('image.resize', { image, ...size, filter });
  const { image: resized } = await resizing;
  const encoding = run('image.encode', { image: resized, format, ...(format === 'jpeg' && { quality }) }, { transfer: [resized.data.buffer as ArrayBuffer] });
  const { data } = await encoding;
  return {
    data: data as Uint8Array<ArrayBuffer>,
    resized: { width: resized.width, height: resized.height },
    resizeMs: resizing.timing.running,
    encodeMs: encoding.timing.running,
  };
}

async function fetchSample(): Promise<ArrayBuffer> {
  const response = await fetch(SAMPLE.url);
  if (!response.ok) throw new Error(`${SAMPLE.url} answers ${response.status}`);
  return response.arrayBuffer();
}
