// A request's params: JSON; or the query and one binary body; or multipart with a part for each param.
import type { MultipartFile, MultipartValue } from '@fastify/multipart';
import type { FastifyRequest } from 'fastify';
import type { Catalogue, Field, KernelDescription } from '../formats/catalogue.ts';
import { badParam } from '../formats/errors.ts';
import { readImage, type AnyHost } from '../formats/images.ts';
import type { Input } from '../formats/input.ts';
import { parseText, Picture, place, readFileValue, type Params } from '../formats/values.ts';
import { withShape, type Job, type TypedArray } from '../host/entry/node.ts';
import type { Turns } from './admission.ts';
import { HttpProblem } from './problem.ts';

/** What a media type is as a file, by its extension. */
const EXTENSIONS: Record<string, string> = {
  'application/x-npy': '.npy', 'application/octet-stream': '', 'image/png': '.png', 'image/jpeg': '.jpg', 'image/webp': '.webp', 'application/json': '.json',
};
/** Words of the query that are not params. */
export const NOT_PARAMS = ['async'];

/** Media types that a whole body may have, for one param. */
export function isBinary(mediaType: string): boolean {
  return mediaType in EXTENSIONS && mediaType !== 'application/json';
}

/**
 * @returns the params; pictures in them are still files: see {@link decodePictures}
 * @throws LoomworkError BAD_PARAMS naming the param; HttpProblem
 */
export async function readParams(catalogue: Catalogue, kernel: KernelDescription, request: FastifyRequest, maxBody: number): Promise<Params> {
  const fields = catalogue.fields(kernel.params);
  const params: Params = Object.create(null) as Params;
  const mediaType = mediaTypeOf(request);
  if (mediaType === 'multipart/form-data') await readParts(params, fields, kernel, request, maxBody);
  else if (mediaType === 'application/json') Object.assign(params, fromJson(request.body));
  else if (isBinary(mediaType)) readBody(params, fields, kernel, request.body as Buffer, mediaType);
  else if (mediaType !== '') throw new HttpProblem('UNSUPPORTED_MEDIA_TYPE', `a body of type ${mediaType} cannot be read: send application/json, multipart/form-data, ${Object.keys(EXTENSIONS).slice(0, -1).join(', ')}`);
  await readQuery(params, fields, kernel, request);
  return params;
}

export function mediaTypeOf(request: FastifyRequest): string {
  return (request.headers['content-type'] ?? '').split(';')[0]!.trim().toLowerCase();
}

async function readQuery(params: Params, fields: Field[], kernel: KernelDescription, request: FastifyRequest): Promise<void> {
  for (const [key, value] of Object.entries(request.query as Record<string, string | string[]>)) {
    if (NOT_PARAMS.includes(key)) continue;
    if (typeof value !== 'string') throw badParam(key, 'is given twice in the query');
    if (Object.hasOwn(params, key)) throw badParam(key, 'is given in the query, and in the body too');
    await place(params, key, fields, kernel.name, ({ kind, nullable }) => parseText(key, value, kind, nullable));
  }
}

/** The one param that a whole body is for. */
function readBody(params: Params, fields: Field[], kernel: KernelDescription, body: Buffer | undefined, mediaType: string): void {
  const binary = fields.filter(({ kind }) => kind.is === 'array' || kind.is === 'image');
  const wanted = binary.filter(({ required }) => required);
  const field = wanted.length === 1 ? wanted[0]! : binary.length === 1 ? binary[0]! : undefined;
  if (!field) throw new HttpProblem('UNSUPPORTED_MEDIA_TYPE', `${kernel.name} has ${binary.length === 0 ? 'no' : 'more than one'} binary param: send application/json or multipart/form-data`);
  params[field.name] = readFileValue(field.name, inputOf('the body', mediaType, body ?? Buffer.alloc(0)), field.kind);
}

async function readParts(params: Params, fields: Field[], kernel: KernelDescription, request: FastifyRequest, maxBody: number): Promise<void> {
  let bytes = 0;
  for await (const part of partsOf(request)) {
    const key = part.fieldname;
    if (Object.hasOwn(params, key)) throw badParam(key, 'is given twice');
    if (part.type === 'file') {
      const body = await part.toBuffer().catch((thrown: unknown) => {
        throw unreadable(thrown);
      });
      bytes += body.length;
      if (bytes > maxBody) throw tooLarge(maxBody);
      await place(params, key, fields, kernel.name, ({ kind }) => readFileValue(key, inputOf(`part ${key}`, part.mimetype, body), kind));
    } else {
      const { value, valueTruncated } = part as MultipartValue<string>;
      bytes += String(value).length;
      if (valueTruncated || bytes > maxBody) throw tooLarge(maxBody);
      await place(params, key, fields, kernel.name, ({ kind, nullable }) => (part.mimetype === 'application/json' ? fromJson(parseJson(key, String(value))) : parseText(key, String(value), kind, nullable)));
    }
  }
}

/** @throws HttpProblem when the form is not one */
async function* partsOf(request: FastifyRequest): AsyncGenerator<MultipartFile | MultipartValue> {
  const parts = request.parts();
  for (;;) {
    let next: IteratorResult<MultipartFile | MultipartValue>;
    try {
      next = await parts.next();
    } catch (thrown) {
      throw unreadable(thrown);
    }
    if (next.done) return;
    yield next.value;
  }
}

/** What the form's parser throws has no code where the form itself is wrong. */
function unreadable(thrown: unknown): unknown {
  if ((thrown as { code?: string }).code !== undefined) return thrown;
  return new HttpProblem('BAD_REQUEST', `the form cannot be read: ${(thrown as Error).message}`);
}

/** The parts of a form together are its body. */
function tooLarge(maxBody: number): HttpProblem {
  return new HttpProblem('BODY_TOO_LARGE', `the form has more than the ${maxBody} bytes that a body may have`);
}

function inputOf(name: string, mediaType: string, body: Buffer): Input {
  const extension = EXTENSIONS[mediaType];
  if (extension === undefined) throw new HttpProblem('UNSUPPORTED_MEDIA_TYPE', `${name} of type ${mediaType} cannot be read: send ${Object.keys(EXTENSIONS).join(', ')}`);
  // A buffer of its own, which may be given away: small ones share one of Node's.
  const whole = body.byteOffset === 0 && body.byteLength === body.buffer.byteLength;
  return { name, extension, bytes: whole ? new Uint8Array(body.buffer as ArrayBuffer) : new Uint8Array(body) };
}

function parseJson(key: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw badParam(key, `is not JSON: ${(error as Error).message}`, error);
  }
}

/** Typed arrays in JSON are as in answers: {"type": "Uint32Array", "shape": [2, 3], "data": [1, 2, …]}. A list of numbers will do where the kind is known. */
function fromJson(value: unknown, path = ''): unknown {
  if (typeof value !== 'object' || value === null) {
    if (path === '') throw new HttpProblem('BAD_REQUEST', 'the body must be a JSON object of params');
    return value;
  }
  if (Array.isArray(value)) {
    if (path === '') throw new HttpProblem('BAD_REQUEST', 'the body must be a JSON object of params, not a list');
    return value.every((item) => typeof item === 'number') ? value : value.map((item, index) => fromJson(item, `${path}[${index}]`));
  }
  if (path !== '' && 'type' in value && 'data' in value && Array.isArray(value.data)) return arrayFrom(value as { type: unknown; data: unknown[]; shape?: unknown }, path);
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, fromJson(item, path === '' ? key : `${path}.${key}`)]));
}

type NumberArray = new (items: ArrayLike<number> & ArrayLike<bigint>) => TypedArray;

function arrayFrom({ type, data, shape }: { type: unknown; data: unknown[]; shape?: unknown }, path: string): TypedArray {
  const Constructor = typeof type === 'string' && /^((Ui|I)nt(8|16|32)|Big(Ui|I)nt64|Float(16|32|64)|Uint8Clamped)Array$/.test(type) ? ((globalThis as Record<string, unknown>)[type] as NumberArray | undefined) : undefined;
  if (!Constructor) throw badParam(`${path}.type`, `must name a typed array, got ${JSON.stringify(type)}`);
  if (data.some((item) => typeof item !== 'number')) throw badParam(`${path}.data`, 'must be a list of numbers');
  const big = String(type).startsWith('Big');
  if (big && data.some((item) => !Number.isSafeInteger(item))) throw badParam(`${path}.data`, 'has an element that is not a whole number below 2^53: send application/x-npy');
  const array = new Constructor((big ? data.map((item) => BigInt(item as number)) : data) as never);
  if (shape === undefined) return array;
  const sides = Array.isArray(shape) && shape.every((side) => Number.isSafeInteger(side) && side >= 0) ? (shape as number[]) : undefined;
  if (!sides || sides.reduce((product, side) => product * side, 1) !== array.length) throw badParam(`${path}.shape`, `must be a list of sides whose product is ${array.length}, got ${JSON.stringify(shape)}`);
  return withShape(array, sides);
}

/** The params' memory. */
export interface Decoded {
  /** Buffers that nobody else holds. */
  transfer: ArrayBuffer[];
  /** Gives back what the images lie in, and the turn, once the kernel has stopped; undefined where there is no picture. */
  release: (() => void) | undefined;
}

/**
 * Makes images of the pictures among the params. They stay where they were decoded, in the host's memory, which has room for few: so it takes a turn.
 *
 * @throws LoomworkError BAD_PARAMS naming the param
 */
export async function decodePictures(params: Params, host: AnyHost, turns: Turns, signal: AbortSignal): Promise<Decoded> {
  const found = new Set<ArrayBuffer>();
  const lent: Job[] = [];
  const endTurn = Object.values(params).some((value) => value instanceof Picture) ? await turns.take(signal) : undefined;
  const release = endTurn && (() => {
    for (const job of lent) job.release();
    endTurn();
  });
  try {
    for (const [key, value] of Object.entries(params)) {
      if (value instanceof Picture) params[key] = await readImage(host, value.input, value.field, signal, (job) => lent.push(job));
      const now = params[key];
      if (ArrayBuffer.isView(now)) add(now, found);
      else if (typeof now === 'object' && now !== null && 'data' in now && ArrayBuffer.isView(now.data)) add(now.data, found);
    }
  } catch (thrown) {
    release?.();
    throw thrown;
  }
  return { transfer: [...found], release };
}

function add(view: ArrayBufferView, found: Set<ArrayBuffer>): void {
  // Typed arrays made of JSON may be of a kind that has no name here; only their buffer counts.
  if (view.buffer instanceof ArrayBuffer) found.add(view.buffer);
}

