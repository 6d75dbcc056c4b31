// Pictures in files, read and written by the package's own kernels.
import { LoomworkError, type Host, type Job, type KernelTypes } from '../host/entry/node.ts';
import { badParam, FailedError } from './errors.ts';
import type { Input } from './input.ts';
import { parseNpy } from './npy.ts';

/** A host whose kernels are known by name only. */
export type AnyHost = Host<Record<string, KernelTypes>>;

export interface Image {
  width: number;
  height: number;
  data: Uint8Array<ArrayBuffer> | Uint8ClampedArray<ArrayBuffer>;
}

/** A file's format by its extension. */
const FORMATS: Record<string, string> = { '.png': 'png', '.jpg': 'jpeg', '.jpeg': 'jpeg', '.webp': 'webp' };

/**
 * A picture from a PNG, JPEG or WebP file, or from an .npy file of bytes with the shape (height, width, 4).
 *
 * @param lend takes the job whose memory the picture lies in, to release it once the picture is not needed; without, the picture is a copy
 */
export async function readImage(host: AnyHost, { name, extension, bytes }: Input, field: string, signal: AbortSignal, lend?: (job: Job) => void): Promise<Image> {
  if (extension === '.npy') return imageOfArray(bytes, name, field);
  requireKernel(host, 'image.decode', `${name} cannot be read as an image`);
  try {
    const job = host.run('image.decode', { data: bytes }, { signal, transfer: [bytes.buffer], ...(lend && { output: 'shared' }) });
    const { image } = (await job) as { image: Image };
    lend?.(job);
    return image;
  } catch (error) {
    // Only what is wrong with the bytes is the param's doing.
    if (!(error instanceof LoomworkError) || !['BAD_PARAMS', 'KERNEL_ERROR'].includes(error.code)) throw error;
    throw badParam(field, `${name} cannot be decoded: ${error.message.replace(/^data: /, '')}`, error);
  }
}

/** The picture as a file's bytes. */
export async function encodeImage(host: AnyHost, image: Image, extension: string, quality: number | undefined, signal: AbortSignal, priority = 0): Promise<Uint8Array> {
  const params = { image, format: FORMATS[extension], ...(quality !== undefined && { quality }) };
  const { data } = (await host.run('image.encode', params, { signal, priority })) as { data: Uint8Array };
  return data;
}

/** @throws FailedError when the package was built without a kernel that is needed */
export function requireKernel(host: Pick<AnyHost, 'kernels'>, name: string, failure: string): void {
  if (!host.kernels.includes(name)) throw new FailedError(`${failure}: this package has no kernel ${name}`);
}

function imageOfArray(bytes: Uint8Array<ArrayBuffer>, name: string, field: string): Image {
  const { array, shape } = npyFrom(bytes, name, field);
  const [height, width, channels] = shape;
  if (!(array instanceof Uint8Array) || shape.length !== 3 || channels !== 4) {
    throw badParam(field, `${name} must hold uint8 of the shape (height, width, 4) to be an image, it holds ${array[Symbol.toStringTag]} of the shape (${shape.join(', ')})`);
  }
  return { width: width!, height: height!, data: array as Uint8Array<ArrayBuffer> };
}

/** An .npy file that a param names. */
export function npyFrom(bytes: Uint8Array<ArrayBuffer>, name: string, field: string): ReturnType<typeof parseNpy> {
  try {
    return parseNpy(bytes);
  } catch (error) {
    throw badParam(field, `${name} cannot be read: ${(error as Error).message}`, error);
  }
}
