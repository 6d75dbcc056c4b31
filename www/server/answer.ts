// A job's output as an HTTP answer, in the form that the client accepts best.
import { Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Catalogue, Field, KernelDescription } from '../formats/catalogue.ts';
import { encodeImage, type AnyHost, type Image } from '../formats/images.ts';
import { jsonPieces } from '../formats/json.ts';
import { bytesOf, npyFile } from '../formats/npy.ts';
import { shapeOf, type TypedArray } from '../host/entry/node.ts';
import { HttpProblem } from './problem.ts';

/** How images are encoded, by media type: the extension that names the format. */
const PICTURES: Record<string, string> = { 'image/png': '.png', 'image/jpeg': '.jpg', 'image/webp': '.webp' };
/** The first bytes of the files that a kernel may give. */
const MAGIC: [string, number[]][] = [['image/png', [0x89, 0x50, 0x4e, 0x47]], ['image/jpeg', [0xff, 0xd8, 0xff]], ['image/webp', [0x52, 0x49, 0x46, 0x46]]];

/** Media types in which a kernel's output can be had, the first when nothing is asked for. */
export function mediaTypesOf(catalogue: Catalogue, kernel: KernelDescription): string[] {
  const field = binaryField(catalogue, kernel);
  if (!field) return ['application/json'];
  if (field.kind.is === 'image') return ['application/json', ...Object.keys(PICTURES), 'application/x-npy'];
  const types = ['application/json', 'application/x-npy', 'application/octet-stream'];
  return field.kind.is === 'array' && field.kind.dtype === 'u8' ? [...types, ...Object.keys(PICTURES)] : types;
}

/** The one field of an output that is always an array or an image. */
function binaryField(catalogue: Catalogue, kernel: KernelDescription): Field | undefined {
  const fields = catalogue.fields(kernel.output).filter(({ kind, nullable }) => !nullable && (kind.is === 'array' || kind.is === 'image'));
  return fields.length === 1 ? fields[0] : undefined;
}

/**
 * What the client accepts best.
 *
 * @throws HttpProblem NOT_ACCEPTABLE
 */
export function negotiate(catalogue: Catalogue, kernel: KernelDescription, request: FastifyRequest): string {
  const types = mediaTypesOf(catalogue, kernel);
  const chosen = request.accepts().type(types);
  if (typeof chosen !== 'string') throw new HttpProblem('NOT_ACCEPTABLE', `${kernel.name} answers ${types.join(', ')}, not ${request.headers.accept}`);
  return chosen;
}

/** Sends an output. */
export async function answer(reply: FastifyReply, catalogue: Catalogue, kernel: KernelDescription, output: Record<string, unknown>, mediaType: string, host: AnyHost, signal: AbortSignal): Promise<FastifyReply> {
  void reply.type(mediaType).header('x-content-type-options', 'nosniff');
  if (mediaType === 'application/json') return reply.send(jsonBody(output));
  const field = binaryField(catalogue, kernel)!;
  const value = output[field.name];
  if (field.kind.is === 'image') return sendImage(reply, value as Image, mediaType, host, signal);
  const array = value as TypedArray;
  if (mediaType === 'application/x-npy') return sendPieces(reply, npyFile(array, shapeOf(array) ?? [array.length]));
  if (mediaType === 'application/octet-stream') return reply.send(Buffer.from(array.buffer as ArrayBuffer, array.byteOffset, array.byteLength));
  // A file that the kernel has made: as what it is.
  const found = MAGIC.find(([, magic]) => magic.every((byte, index) => array[index] === byte))?.[0];
  if (found !== mediaType && !(found && reply.request.accepts().type([found]))) {
    throw new HttpProblem('NOT_ACCEPTABLE', `${kernel.name} has made ${found ?? 'bytes that are no image'}, not ${mediaType}: ask for that, or change its params`);
  }
  return reply.type(found).send(Buffer.from(array.buffer as ArrayBuffer, array.byteOffset, array.byteLength));
}

/** JSON as text when it is short, else in pieces: a large array never becomes one string. */
export function jsonBody(value: unknown): string | Readable {
  const pieces = jsonPieces(value);
  let text = '';
  for (;;) {
    const { value: piece, done } = pieces.next();
    if (done) return text;
    text += piece;
    if (text.length > 1 << 20) return Readable.from(rest(text, pieces));
  }
}

function* rest(begun: string, pieces: Iterator<string>): Generator<string> {
  yield begun;
  for (let next = pieces.next(); !next.done; next = pieces.next()) yield next.value;
}

async function sendImage(reply: FastifyReply, image: Image, mediaType: string, host: AnyHost, signal: AbortSignal): Promise<FastifyReply> {
  const { width, height, data } = image;
  if (mediaType === 'application/x-npy') return sendPieces(reply, npyFile(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), [height, width, 4]));
  // The last step of a request goes before the first of others.
  const file = await encodeImage(host, image, PICTURES[mediaType]!, undefined, signal, 1);
  return reply.send(Buffer.from(bytesOf(file as Uint8Array<ArrayBuffer>).buffer as ArrayBuffer, file.byteOffset, file.byteLength));
}

function sendPieces(reply: FastifyReply, pieces: Uint8Array[]): FastifyReply {
  void reply.header('content-length', String(pieces.reduce((sum, { byteLength }) => sum + byteLength, 0)));
  return reply.send(Readable.from(pieces.map((piece) => Buffer.from(piece.buffer as ArrayBuffer, piece.byteOffset, piece.byteLength)), { objectMode: false }));
}
