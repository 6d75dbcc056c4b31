// The kernels of this package as kernels.json describes them: names, and the kind of each param and output field.
// Everything that the command knows about a kernel comes from here, so that a kernel of the user's own works as the built-in ones do.
import { readFile } from 'node:fs/promises';
import { LoomworkError } from '../host/entry/node.ts';
import { FailedError, fileReason } from './errors.ts';
import { didYouMean } from './near.ts';

/** The parts of JSON Schema that the description uses. */
export interface Schema {
  $ref?: string;
  type?: string | string[];
  description?: string;
  default?: unknown;
  examples?: unknown[];
  enum?: unknown[];
  const?: unknown;
  anyOf?: Schema[];
  oneOf?: Schema[];
  items?: Schema;
  prefixItems?: Schema[];
  properties?: Record<string, Schema>;
  additionalProperties?: Schema | boolean;
  required?: string[];
  tsType?: string;
  /** Kind of a typed array's elements: `u8`, `f32`, …, or `any`. */
  'x-array'?: string;
}

export interface KernelDescription {
  name: string;
  about: string;
  params: Schema;
  output: Schema;
  part: Schema;
}

/** What a value is, as far as reading, writing and showing it goes. */
export type Kind =
  | { is: 'integer' | 'number' | 'string' | 'boolean' | 'image' | 'json' }
  /** A number, or its digits as text where there may be more of them than a number holds. */
  | { is: 'decimal' }
  | { is: 'choice'; choices: string[] }
  /** `dtype` is `any` where the kernel takes every kind. */
  | { is: 'array'; dtype: string; type: string }
  | { is: 'object'; fields: Field[] };

/** One param or one field of an output. */
export interface Field {
  name: string;
  kind: Kind;
  nullable: boolean;
  required: boolean;
  about: string;
  default?: unknown;
  example?: unknown;
}

/** Where the package's files lie: the command is `bin/loomwork.js` in it. */
export const PACKAGE_ROOT = new URL('../', import.meta.url);

export class Catalogue {
  readonly kernels: readonly KernelDescription[];
  readonly defs: Readonly<Record<string, Schema>>;
  /** By their schema: a server asks for them with each request. */
  readonly #fields = new WeakMap<Schema, Field[]>();

  constructor(kernels: KernelDescription[], defs: Record<string, Schema>) {
    this.kernels = kernels;
    this.defs = defs;
  }

  static async load(): Promise<Catalogue> {
    const url = new URL('kernels.json', PACKAGE_ROOT);
    try {
      const { kernels, $defs } = JSON.parse(await readFile(url, 'utf8')) as { kernels: KernelDescription[]; $defs: Record<string, Schema> };
      return new Catalogue(kernels, $defs);
    } catch (error) {
      throw new FailedError(`${url.pathname}, a file of this package, cannot be read: ${fileReason(error)}; install the package again`, { cause: error });
    }
  }

  /** @throws LoomworkError UNKNOWN_KERNEL with the near names */
  kernel(name: string): KernelDescription {
    const found = this.find(name);
    if (found) return found;
    const names = this.kernels.map((kernel) => kernel.name);
    const hint = didYouMean(name, names) || `, the kernels are ${names.join(', ')}`;
    throw new LoomworkError({ code: 'UNKNOWN_KERNEL', message: `no kernel is named '${name}'${hint}` });
  }

  find(name: string): KernelDescription | undefined {
    return this.kernels.find((kernel) => kernel.name === name);
  }

  /** The fields of an object's schema, in its order; none for what is not an object. */
  fields(schema: Schema): Field[] {
    const known = this.#fields.get(schema) ?? this.#readFields(schema);
    this.#fields.set(schema, known);
    return known;
  }

  #readFields(schema: Schema): Field[] {
    const { properties = {}, required = [] } = this.#resolve(schema);
    return Object.entries(properties).map(([name, property]) => {
      const resolved = this.#resolve(property);
      const example = property.examples?.[0] ?? resolved.examples?.[0];
      return {
        name,
        kind: this.kind(property),
        nullable: this.#nullable(property),
        required: required.includes(name),
        about: property.description ?? resolved.description ?? '',
        ...(property.default !== undefined && { default: property.default }),
        ...(example !== undefined && { example }),
      };
    });
  }

  /** The properties of an object's schema, as they are. */
  propertiesOf(schema: Schema): Record<string, Schema> {
    return this.#resolve(schema).properties ?? {};
  }

  kind(schema: Schema): Kind {
    const resolved = this.#resolve(schema);
    const { anyOf, oneOf, properties } = resolved;
    if (resolved['x-array'] !== undefined) return { is: 'array', dtype: resolved['x-array'], type: resolved.tsType ?? 'TypedArray' };
    const choices = this.#choices(resolved);
    if (choices) return { is: 'choice', choices };
    // What may be null besides is of its other kind.
    const others = (anyOf ?? oneOf ?? []).filter((option) => this.#resolve(option).type !== 'null');
    if (others.length === 1) return this.kind(others[0]!);
    if (Array.isArray(resolved.type) && resolved.type.includes('number') && resolved.type.includes('string')) return { is: 'decimal' };
    const type = Array.isArray(resolved.type) ? resolved.type.find((name) => name !== 'null') : resolved.type;
    switch (type) {
      case 'integer':
      case 'number':
      case 'string':
      case 'boolean':
        return { is: type };
      case 'object':
        if (!properties) return { is: 'json' };
        return this.#isImage(properties) ? { is: 'image' } : { is: 'object', fields: this.fields(resolved) };
      default:
        return { is: 'json' };
    }
  }

  /** Definitions that a kernel's schemas name, and those that they name in turn. */
  definitionsOf(kernel: KernelDescription): Record<string, Schema> {
    const found: Record<string, Schema> = {};
    const visit = (value: unknown): void => {
      if (typeof value !== 'object' || value === null) return;
      for (const [key, inner] of Object.entries(value)) {
        const name = key === '$ref' && typeof inner === 'string' ? inner.replace('#/$defs/', '') : undefined;
        if (name === undefined) visit(inner);
        else if (!(name in found) && this.defs[name]) visit((found[name] = this.defs[name]));
      }
    };
    visit([kernel.params, kernel.output, kernel.part]);
    return found;
  }

  #resolve(schema: Schema): Schema {
    if (schema.$ref === undefined) return schema;
    return this.#resolve(this.defs[schema.$ref.replace('#/$defs/', '')] ?? {});
  }

  #choices(schema: Schema): string[] | undefined {
    if (schema.enum?.every((value) => typeof value === 'string' || value === null)) return schema.enum.filter((value) => value !== null) as string[];
    // Documented variants become one schema each.
    const variants = schema.oneOf?.map((variant) => (variant.const !== undefined ? [variant.const] : (variant.enum ?? [])));
    if (variants?.every((values) => values.length > 0 && values.every((value) => typeof value === 'string'))) return variants.flat() as string[];
    return undefined;
  }

  #nullable(schema: Schema): boolean {
    const { type, anyOf, oneOf } = this.#resolve(schema);
    return type === 'null' || (Array.isArray(type) && type.includes('null')) || [...(anyOf ?? []), ...(oneOf ?? [])].some((option) => this.#nullable(option));
  }

  /** By its shape, not its name: any object with the fields of an `ImageData`. */
  #isImage(properties: Record<string, Schema>): boolean {
    return Object.keys(properties).sort().join() === 'data,height,width' && properties['data']!['x-array'] === 'u8c';
  }
}

/** A kind in words. */
export function kindText(kind: Kind): string {
  switch (kind.is) {
    case 'integer':
      return 'whole number';
    case 'string':
      return 'text';
    case 'boolean':
      return 'true | false';
    case 'choice':
      return kind.choices.join(' | ');
    case 'array':
      return kind.dtype === 'any' ? 'any typed array' : kind.type;
    case 'decimal':
      return 'number';
    case 'json':
      return 'JSON';
    default:
      return kind.is;
  }
}
