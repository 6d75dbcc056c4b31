// TypeScript's types of a list of kernels, from the JSON Schemas that Rust gives.
import type { Schema } from '../formats/catalogue.ts';
import type { Description } from './describe.ts';
import { BuildError } from './errors.ts';

/** `KernelMap` and the types that it names: the text of kernels.ts, or of kernels.d.ts. */
export function kernelTypes({ kernels, $defs }: Pick<Description, 'kernels' | '$defs'>, from: string): string {
  const names = namesOf($defs);
  const type = (schema: Schema) => typeOf(schema, names, '    ');
  const entries = kernels.map(({ name, about, params, output, part }) => {
    const parts = part.type === 'null' ? 'never' : type(part);
    return `${doc(about, '  ')}  ${key(name)}: {\n    params: ${type(params)};\n    output: ${type(output)};\n    part: ${parts};\n  };\n`;
  });
  const declared = Object.entries($defs)
    .filter(([, schema]) => schema.tsType === undefined)
    .map(([name, schema]) => `\n${declaration(names.get(name)!, schema, names)}`);
  const head = "// Generated from the Rust types: see www/crate/types.ts. Do not edit.\n";
  const body = `\n/** The kernels: what each takes, gives and streams. */\nexport interface KernelMap {\n${entries.join('')}}\n${declared.join('')}`;
  const imported = /\bTypedArray\b/.test(body) ? `import type { TypedArray } from '${from}';\n` : '';
  return `${head}${imported}${body}`;
}

/** The name in TypeScript of each definition: schemars adds type arguments and numbers, which are kept as far as they are letters. */
function namesOf(defs: Record<string, Schema>): Map<string, string> {
  const names = new Map<string, string>();
  for (const def of Object.keys(defs)) {
    const name = def.replaceAll(/[^\w$]/g, '_');
    if (/^\d/.test(name) || name === 'KernelMap' || name === 'TypedArray') throw new BuildError(`a Rust type is named '${def}', which its TypeScript type cannot be: rename it`);
    names.set(def, name);
  }
  return names;
}

function declaration(name: string, schema: Schema, names: Map<string, string>): string {
  const about = doc(schema.description, '');
  if (schema.properties && !schema.oneOf && !schema.anyOf) return `${about}export interface ${name} ${object(schema, names, '')}\n`;
  return `${about}export type ${name} = ${typeOf(schema, names, '')};\n`;
}

function typeOf(schema: Schema | boolean, names: Map<string, string>, indent: string): string {
  if (typeof schema === 'boolean') return schema ? 'unknown' : 'never';
  if (schema.tsType !== undefined) return schema.tsType;
  if (schema.$ref !== undefined) return names.get(schema.$ref.replace('#/$defs/', '')) ?? 'unknown';
  if (schema.const !== undefined) return literal(schema.const);
  if (schema.enum) return union(schema.enum.map(literal));
  const options = schema.oneOf ?? schema.anyOf;
  if (options) {
    const either = union(options.map((option) => typeOf(option, names, indent)));
    // What all of the variants have besides, as of a flattened enum.
    return schema.properties ? `${object(schema, names, indent)} & (${either})` : either;
  }
  if (Array.isArray(schema.type)) return union(schema.type.map((type) => typeOf({ ...schema, type }, names, indent)));
  switch (schema.type) {
    case 'integer':
    case 'number':
      return 'number';
    case 'string':
    case 'boolean':
    case 'null':
      return schema.type;
    case 'array':
      return array(schema, names, indent);
    case 'object':
      return object(schema, names, indent);
    default:
      return schema.properties ? object(schema, names, indent) : 'unknown';
  }
}

function array({ items, prefixItems }: Schema, names: Map<string, string>, indent: string): string {
  if (prefixItems) return `[${prefixItems.map((item) => typeOf(item, names, indent)).join(', ')}]`;
  const of = items === undefined ? 'unknown' : typeOf(items, names, indent);
  return /[|&]/.test(of) && !of.startsWith('{') ? `(${of})[]` : `${of}[]`;
}

function object({ properties, required = [], additionalProperties }: Schema, names: Map<string, string>, indent: string): string {
  const inner = `${indent}  `;
  const lines = Object.entries(properties ?? {}).map(([name, property]) => {
    const about = typeof property === 'object' ? doc(property.description, inner) : '';
    return `${about}${inner}${key(name)}${required.includes(name) ? '' : '?'}: ${typeOf(property, names, inner)};\n`;
  });
  if (additionalProperties !== undefined && additionalProperties !== false) {
    // With named properties besides, a value must fit those too.
    lines.push(`${inner}[key: string]: ${lines.length > 0 ? 'unknown' : typeOf(additionalProperties, names, inner)};\n`);
  }
  return lines.length === 0 ? '{}' : `{\n${lines.join('')}${indent}}`;
}

function union(types: string[]): string {
  return [...new Set(types)].join(' | ');
}

function literal(value: unknown): string {
  return typeof value === 'string' ? quote(value) : JSON.stringify(value);
}

function key(name: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(name) ? name : quote(name);
}

function quote(text: string): string {
  return `'${JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'")}'`;
}

function doc(text: string | undefined, indent: string): string {
  if (text === undefined || text.trim() === '') return '';
  const lines = text.trim().replaceAll('*/', '*\\/').split('\n');
  if (lines.length === 1) return `${indent}/** ${lines[0]} */\n`;
  return `${indent}/**\n${lines.map((line) => `${indent} * ${line}`.trimEnd()).join('\n')}\n${indent} */\n`;
}
