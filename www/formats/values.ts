// The params of a job from the command line: -p KEY=VALUE and --params, read by what the kernel's schema says each is.
// Files are read here; pictures are only marked, because decoding them takes a host.
import { LoomworkError, withShape, type TypedArray } from '../host/entry/node.ts';
import { kindText, type Catalogue, type Field, type KernelDescription, type Kind } from './catalogue.ts';
import { badParam, UsageError } from './errors.ts';
import { npyFrom } from './images.ts';
import { IMAGE_EXTENSIONS, Inputs, type Input } from './input.ts';
import { didYouMean } from './near.ts';
import { dtypeOf, numpyName } from './npy.ts';

/** A value that is read from a picture once there is a host. */
export class Picture {
  readonly input: Input;
  readonly field: string;

  constructor(input: Input, field: string) {
    this.input = input;
    this.field = field;
  }
}

/** Params by name. Without a prototype, so that no key means anything but itself. */
export type Params = Record<string, unknown>;

/**
 * @param pairs each `KEY=VALUE`; a key may reach into an object with dots
 * @param json what --params said: JSON, `@FILE` or `@-`
 * @throws LoomworkError BAD_PARAMS naming the param
 */
export async function readParams(catalogue: Catalogue, kernel: KernelDescription, pairs: readonly string[], json: string | undefined): Promise<Params> {
  const fields = catalogue.fields(kernel.params);
  const inputs = new Inputs();
  const params: Params = Object.assign(Object.create(null) as Params, json === undefined ? {} : await readObject(json, inputs));
  for (const name of Object.keys(params)) fieldNamed(name, fields, '', kernel.name);
  const given = new Set<string>();
  for (const pair of pairs) {
    const equals = pair.indexOf('=');
    if (equals < 1) throw new UsageError(`'${pair}' is not KEY=VALUE`, '-p');
    const key = pair.slice(0, equals);
    const clash = [...given].find((other) => other === key || other.startsWith(`${key}.`) || key.startsWith(`${other}.`));
    if (clash !== undefined) throw badParam(key, clash === key ? 'is given twice' : `is given, and so is ${clash}`);
    given.add(key);
    await place(params, key, fields, kernel.name, (wanted) => readValue(key, pair.slice(equals + 1), wanted, inputs));
  }
  requireAll(params, fields, kernel.name);
  return params;
}

async function readObject(text: string, inputs: Inputs): Promise<object> {
  const source = text.startsWith('@') ? decodeText('--params', await inputs.read(text.slice(1), '--params')) : text;
  const value = parseJson(source, '--params');
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw badParam('--params', 'must be a JSON object, as in \'{"width": 100}\'');
  return value;
}

/** What a value is to be, as far as its place in the params tells. */
export type Wanted = Pick<Field, 'kind' | 'nullable'>;

/**
 * Puts one value where its key says.
 *
 * @param read makes the value
 * @throws LoomworkError BAD_PARAMS naming the key when there is no such place
 */
export async function place(params: Params, key: string, fields: Field[], kernel: string, read: (wanted: Wanted) => unknown): Promise<void> {
  const path = key.split('.');
  let target = params;
  let known: Field[] | undefined = fields;
  for (const [depth, name] of path.entries()) {
    const field: Field | undefined = known && fieldNamed(name, known, path.slice(0, depth).join('.'), kernel);
    if (depth === path.length - 1) {
      target[name] = await read(field ?? { kind: { is: 'json' }, nullable: true });
      return;
    }
    known = field && innerFields(field, key);
    const inner = (Object.hasOwn(target, name) && target[name]) || (Object.create(null) as Params);
    if (typeof inner !== 'object' || Array.isArray(inner)) throw badParam(key, `${path.slice(0, depth + 1).join('.')} is not an object`);
    target = target[name] = inner as Params;
  }
}

function innerFields({ kind, name }: Field, key: string): Field[] | undefined {
  switch (kind.is) {
    case 'object':
      return kind.fields;
    case 'image':
      return IMAGE_FIELDS;
    case 'json':
      return undefined;
    default:
      throw badParam(key, `${name} is ${withArticle(kindText(kind))}, it has no fields`);
  }
}

const IMAGE_FIELDS: Field[] = [
  { name: 'width', kind: { is: 'integer' }, nullable: false, required: true, about: '' },
  { name: 'height', kind: { is: 'integer' }, nullable: false, required: true, about: '' },
  { name: 'data', kind: { is: 'array', dtype: 'u8c', type: 'Uint8ClampedArray' }, nullable: false, required: true, about: '' },
];

/** @throws LoomworkError BAD_PARAMS with the near names */
export function fieldNamed(name: string, fields: Field[], parent: string, kernel: string): Field {
  const found = fields.find((field) => field.name === name);
  if (found) return found;
  const names = fields.map((field) => field.name);
  const hint = didYouMean(name, names) || `; it takes ${names.join(', ') || 'nothing'}`;
  throw new LoomworkError({ code: 'BAD_PARAMS', field: parent === '' ? name : `${parent}.${name}`, message: `${parent === '' ? kernel : parent} has no param '${name}'${hint}` });
}

function requireAll(params: Params, fields: Field[], kernel: string): void {
  const missing = fields.filter(({ name, required }) => required && params[name] === undefined);
  if (missing.length === 0) return;
  const wanted = missing.map(({ name, kind }) => `${name} (${kindText(kind)})`).join(', ');
  const { name, kind } = missing[0]!;
  const how = `${missing.length === 1 ? 'give it' : 'give each'} as in -p ${name}=${kindExample(kind)}`;
  throw new LoomworkError({ code: 'BAD_PARAMS', field: name, message: `${kernel} needs ${wanted}: ${how}; 'loomwork kernels ${kernel}' tells more` });
}

/** What a value of a kind looks like on the command line. */
export function kindExample(kind: Kind): string {
  switch (kind.is) {
    case 'array':
      return kind.dtype === 'u8' ? '@FILE' : '@FILE.npy';
    case 'image':
      return '@FILE.png';
    case 'choice':
      return kind.choices[0]!;
    case 'boolean':
      return 'true';
    case 'integer':
    case 'number':
    case 'decimal':
      return 'NUMBER';
    case 'string':
      return 'TEXT';
    default:
      return 'JSON';
  }
}

/** @throws LoomworkError BAD_PARAMS naming `key` when the text is not a value of the kind */
async function readValue(key: string, text: string, { kind, nullable }: Wanted, inputs: Inputs): Promise<unknown> {
  if (text.startsWith('@') && !text.startsWith('@@')) return readFileValue(key, await inputs.read(text.slice(1), key), kind);
  return parseText(key, text.startsWith('@@') ? text.slice(1) : text, kind, nullable);
}

/** @throws LoomworkError BAD_PARAMS naming `key` when the text is not a value of the kind */
export function parseText(key: string, text: string, kind: Kind, nullable = false): unknown {
  if (nullable && text === 'null') return null;
  const refuse = (wanted: string) => badParam(key, `must be ${wanted}, got ${JSON.stringify(shorten(text))}`);
  switch (kind.is) {
    case 'string':
    case 'decimal':
      return text;
    case 'choice':
      if (!kind.choices.includes(text)) throw refuse(`one of ${kind.choices.join(', ')}`);
      return text;
    case 'boolean':
      if (text !== 'true' && text !== 'false') throw refuse('true or false');
      return text === 'true';
    case 'integer': {
      if (/^[+-]?\d+$/.test(text)) return safeInteger(text);
      const value = parseNumber(text);
      if (value === undefined || !Number.isInteger(value)) throw refuse('a whole number');
      return value;
    }
    case 'number': {
      const value = parseNumber(text);
      if (value === undefined) throw refuse('a number');
      return value;
    }
    case 'image':
      if (!text.trimStart().startsWith('{')) throw refuse('an image: @FILE.png, @FILE.jpg or @FILE.webp');
      return parseJson(text, key);
    case 'array':
      if (!text.trimStart().startsWith('[')) throw refuse('an array: @FILE.npy, @FILE for bytes, or a JSON list as in [1,2,3]');
      return parseList(text, key, kind.dtype);
    case 'json':
    case 'object':
      return parseJson(text, key);
  }
}

/** @throws LoomworkError BAD_PARAMS naming `key` when the file is not a value of the kind */
export function readFileValue(key: string, input: Input, kind: Kind): unknown {
  const { name, extension, bytes } = input;
  switch (kind.is) {
    case 'image':
      return new Picture(input, key);
    case 'array':
      if (extension === '.npy') return readArray(key, input, kind);
      if (extension === '.json' && kind.dtype !== 'u8') return parseList(decodeText(key, input), key, kind.dtype);
      if (['u8', 'u8c', 'any'].includes(kind.dtype)) return bytes;
      throw badParam(key, `must be a ${kind.type}; ${name} is read as bytes, save it as .npy of ${numpyName(kind.dtype)}`);
    case 'json':
      if (extension === '.npy') return readArray(key, input, { dtype: 'any', type: 'typed array' });
      if (IMAGE_EXTENSIONS.includes(extension)) return new Picture(input, key);
      return parseJson(decodeText(key, input), key);
    case 'string':
      return decodeText(key, input);
    default:
      // Editors end a file with a line end, which is no part of a number.
      return parseText(key, decodeText(key, input).trim(), kind);
  }
}

function readArray(key: string, { name, bytes }: Input, { dtype, type }: { dtype: string; type: string }): TypedArray {
  const { array, shape } = npyFrom(bytes, name, key);
  const found = dtypeOf(array);
  const fits = dtype === 'any' || found === dtype || (dtype === 'u8c' && found === 'u8');
  if (!fits) {
    const advice = dtype === 'u8' ? ` or send the file's own bytes with ${key}=@- < ${name}` : '';
    throw badParam(key, `must be a ${type}, ${name} holds a ${array[Symbol.toStringTag]}: convert it with NumPy's .astype('${numpyName(dtype)}')${advice}`);
  }
  return withShape(array, shape);
}

/** A JSON list of numbers. JSON's numbers are 64-bit floats here, which do not hold every 64-bit integer. */
function parseList(text: string, key: string, dtype: string): unknown {
  const value = parseJson(text, key);
  if (!Array.isArray(value) || value.some((item) => typeof item !== 'number')) throw badParam(key, `must be a JSON list of numbers, got ${JSON.stringify(shorten(text))}`);
  if (dtype.endsWith('64') && dtype !== 'f64' && value.some((item) => !Number.isSafeInteger(item))) {
    throw badParam(key, 'has an element that is not a whole number below 2^53: give such as @FILE.npy');
  }
  return value;
}

function parseJson(text: string, key: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw badParam(key, `is not JSON: ${(error as Error).message}`, error);
  }
}

function decodeText(key: string, { name, bytes }: Input): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    throw badParam(key, `${name} is not text in UTF-8`, error);
  }
}

function parseNumber(text: string): number | undefined {
  if (/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text)) return Number(text);
  return { NaN: Number.NaN, Infinity: Infinity, '+Infinity': Infinity, '-Infinity': -Infinity }[text];
}

function safeInteger(text: string): number | bigint {
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : BigInt(text.replace(/^\+/, ''));
}

function shorten(text: string): string {
  return text.length > 40 ? `${text.slice(0, 40)}…` : text;
}

function withArticle(noun: string): string {
  return /^[aeiou]/.test(noun) ? `an ${noun}` : `a ${noun}`;
}
