// Where a job's output goes: -o FILE, -o DIR/, -o - or the terminal. Decided and checked before the job runs, from what the kernel's
// schema says that it gives; carried out afterwards.
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { shapeOf, withShape } from '../host/entry/node.ts';
import { checkWritable, makeDirectory, writeWhole } from './atomic.ts';
import { kindText, type Catalogue, type Field, type KernelDescription } from '../formats/catalogue.ts';
import { UsageError } from '../formats/errors.ts';
import { encodeImage, requireKernel, type AnyHost, type Image } from '../formats/images.ts';
import { extensionOf, IMAGE_EXTENSIONS } from '../formats/input.ts';
import { isTypedArray, jsonPieces } from '../formats/json.ts';
import { bytesOf, npyFile } from '../formats/npy.ts';
import { writeStdout } from './streams.ts';

/** How one field becomes a file: `raw` is its bytes as they are, `json` anything. */
type Format = 'npy' | 'raw' | 'json' | 'image';

/** One file to write. `field` is undefined where the file holds the whole output. */
interface Item {
  field: Field | undefined;
  format: Format;
  /** `-` is standard output. */
  path: string;
  /** Of the image format: `.png`. */
  extension: string;
}

/** A file that was written. */
export interface WrittenFile {
  /** Field of the output; null for the whole of it. */
  field: string | null;
  path: string;
  bytes: number;
}

/** What is to be done with an output. */
export class OutputPlan {
  readonly #items: readonly Item[];
  readonly #quality: number | undefined;

  constructor(items: readonly Item[], quality?: number) {
    this.#items = items;
    this.#quality = quality;
  }

  /** Whether the output itself goes to standard output, so that nothing else may. */
  get usesStdout(): boolean {
    return this.#items.some(({ path }) => path === '-');
  }

  /** Refuses what the package cannot write, before the job. */
  checkHost(host: AnyHost): void {
    for (const { format, path } of this.#items) if (format === 'image') requireKernel(host, 'image.encode', `${path} cannot be written`);
  }

  /** Whether a field is written somewhere, so that it need not be shown. */
  covers(name: string): boolean {
    return this.#items.some(({ field }) => field === undefined || field.name === name);
  }

  async write(host: AnyHost, output: Record<string, unknown>, signal: AbortSignal): Promise<WrittenFile[]> {
    const written: WrittenFile[] = [];
    for (const item of this.#items) {
      // An optional array that the kernel did not give has no file among the others.
      if (this.#items.length > 1 && item.format !== 'json' && (output[item.field!.name] ?? null) === null) continue;
      const pieces = await this.#pieces(item, item.field ? output[item.field.name] : output, host, signal);
      if (item.path === '-') await writeStdout(pieces);
      else written.push({ field: item.field?.name ?? null, path: item.path, bytes: await writeWhole(item.path, pieces) });
    }
    return written;
  }

  async #pieces({ field, format, extension }: Item, value: unknown, host: AnyHost, signal: AbortSignal): Promise<Iterable<Uint8Array | string>> {
    if (format === 'image') return [await encodeImage(host, value as Image, extension, this.#quality, signal)];
    const array = format === 'json' ? undefined : arrayOf(value);
    // Null where an array is optional.
    if (array === undefined) return jsonLines(value);
    if (format === 'raw') return [bytesOf(array)];
    const dtype = field?.kind.is === 'array' && field.kind.dtype === 'f16' ? 'f16' : undefined;
    return npyFile(array, shapeOf(array) ?? [array.length], dtype);
  }
}

/** A field's array; an image is one of the shape (height, width, 4). */
function arrayOf(value: unknown) {
  if (isTypedArray(value)) return value;
  if (typeof value !== 'object' || value === null) return undefined;
  const { width, height, data } = value as Image;
  return isTypedArray(data) ? withShape(data, [height, width, 4]) : undefined;
}

function* jsonLines(value: unknown): Generator<string> {
  yield* jsonPieces(value);
  yield '\n';
}

/**
 * Decides where an output goes, and makes sure that it can go there.
 *
 * @param out what -o said
 * @throws UsageError naming `-o` or `--quality`
 */
export async function planOutput(catalogue: Catalogue, kernel: KernelDescription, out: string | undefined, quality: number | undefined): Promise<OutputPlan> {
  const items = out === undefined ? [] : await itemsFor(out, catalogue.fields(kernel.output), kernel.name);
  if (quality !== undefined && !items.some(({ format, extension }) => format === 'image' && /^\.jpe?g$/.test(extension))) {
    throw new UsageError('is for an image that is written as a JPEG, as with -o OUT.jpg', '--quality');
  }
  for (const { path } of items) {
    if (path === '-') refuseTerminal(items);
    else await checkWritable(path);
  }
  return new OutputPlan(items, quality);
}

async function itemsFor(out: string, fields: Field[], kernel: string): Promise<Item[]> {
  if (out === '') throw new UsageError('needs a path', '-o');
  if (out === '-') return [stdoutItem(fields, kernel)];
  if (/[/\\]$/.test(out) || (await isDirectory(out))) {
    await makeDirectory(out);
    return fields.map((field) => inDirectory(out, field));
  }
  const extension = extensionOf(out);
  if (extension === '.json') return [{ field: undefined, format: 'json', path: out, extension }];
  const field = onlyArray(fields, kernel, 'write the output to a file ending in .json');
  return [{ field, format: formatFor(field, extension), path: out, extension }];
}

function stdoutItem(fields: Field[], kernel: string): Item {
  const hasArray = fields.some(holdsArray);
  if (!hasArray) return { field: undefined, format: 'json', path: '-', extension: '' };
  const field = onlyArray(fields, kernel, 'use --json');
  const format = field.kind.is === 'image' ? 'image' : field.kind.is === 'array' && field.kind.dtype === 'u8' ? 'raw' : 'npy';
  return { field, format, path: '-', extension: '.png' };
}

function inDirectory(directory: string, field: Field): Item {
  const is = field.kind.is;
  const [format, extension]: [Format, string] = is === 'image' ? ['image', '.png'] : is === 'array' ? ['npy', '.npy'] : ['json', '.json'];
  return { field, format, path: join(directory, `${field.name}${extension}`), extension };
}

function holdsArray({ kind }: Field): boolean {
  return kind.is === 'array' || kind.is === 'image';
}

function onlyArray(fields: Field[], kernel: string, instead: string): Field {
  const arrays = fields.filter(holdsArray);
  if (arrays.length === 1) return arrays[0]!;
  const names = arrays.map(({ name }) => name).join(', ');
  if (arrays.length > 1) throw new UsageError(`${kernel} gives ${arrays.length} arrays (${names}): use -o DIR/ for a file each`, '-o');
  throw new UsageError(`${kernel} gives no array: ${instead}, or leave -o out`, '-o');
}

function formatFor({ name, kind }: Field, extension: string): Format {
  const refuse = (accepted: string) => new UsageError(`${name} (${kindText(kind)}) cannot be written ${extension === '' ? 'without an extension' : `as ${extension}`}: use ${accepted}`, '-o');
  if (extension === '.npy') return 'npy';
  if (extension === '.bin' || extension === '.raw') return 'raw';
  if (kind.is === 'image') {
    if (IMAGE_EXTENSIONS.includes(extension)) return 'image';
    throw refuse('.png, .jpg, .webp, .npy, .bin for the pixels or .json');
  }
  // Bytes are what the kernel made them, whatever the file is called.
  if (kind.is === 'array' && kind.dtype === 'u8') return 'raw';
  throw refuse('.npy, .bin for the elements as they lie in memory, or .json');
}

function refuseTerminal(items: readonly Item[]): void {
  const binary = items.some(({ path, format }) => path === '-' && format !== 'json');
  if (binary && process.stdout.isTTY) throw new UsageError('would write bytes to the terminal: send them to a file or a pipe', '-o');
}

async function isDirectory(path: string): Promise<boolean> {
  return stat(path).then(
    (there) => there.isDirectory(),
    () => false,
  );
}
