// `loomwork kernels`: what can be run, and what each kernel takes and gives.
import { Command } from 'commander';
import { Catalogue, kindText, type Field, type KernelDescription, type Kind } from '../formats/catalogue.ts';
import { writeStdout } from './streams.ts';
import { paletteFor, type Palette } from './terminal.ts';
import { kindExample } from '../formats/values.ts';

/** Longer lines are hard to read. */
const MOST_COLUMNS = 100;

export function kernelsCommand(): Command {
  return new Command('kernels')
    .summary('list kernels, or show one with its params and output')
    .description('Lists the kernels; with a name, shows what that one takes, gives and streams.')
    .argument('[name]', 'name of a kernel')
    .option('--json', 'print JSON: the list, or one kernel with the JSON Schemas of its params, output and part')
    .addHelpText('after', '\nExamples:\n  loomwork kernels\n  loomwork kernels mandelbrot\n  loomwork kernels mandelbrot --json')
    .action(async (name: string | undefined, { json }: { json?: boolean }) => {
      const catalogue = await Catalogue.load();
      const colours = paletteFor(process.stdout);
      if (name === undefined) await writeStdout(json ? listJson(catalogue) : list(catalogue, colours));
      else {
        const kernel = catalogue.kernel(name);
        await writeStdout(json ? oneJson(catalogue, kernel) : one(catalogue, kernel, colours));
      }
    });
}

function list({ kernels }: Catalogue, colours: Palette): string {
  const width = Math.max(...kernels.map(({ name }) => name.length));
  const lines = kernels.map(({ name, about }) => `${colours.bold(name.padEnd(width))}  ${about}\n`);
  return `${lines.join('')}${colours.dim(`\nloomwork kernels NAME shows what one takes and gives.`)}\n`;
}

function listJson({ kernels }: Catalogue): string {
  return `${JSON.stringify({ kernels: kernels.map(({ name, about }) => ({ name, about })) })}\n`;
}

function oneJson(catalogue: Catalogue, kernel: KernelDescription): string {
  return `${JSON.stringify({ ...kernel, $defs: catalogue.definitionsOf(kernel) })}\n`;
}

function one(catalogue: Catalogue, kernel: KernelDescription, colours: Palette): string {
  const params = catalogue.fields(kernel.params);
  const output = catalogue.fields(kernel.output);
  const parts = catalogue.fields(kernel.part);
  const sections = [
    `${wrap(`${kernel.name}: ${kernel.about}`, '').replace(kernel.name, colours.bold(kernel.name))}\n`,
    section('Params', params, true, colours),
    section('Output', output, false, colours),
    section('Parts, streamed while it runs', parts, false, colours),
    `${colours.bold('Example')}\n  ${example(kernel.name, params, output)}\n`,
  ];
  return sections.filter((text) => text !== '').join('\n');
}

/** Each field: its name and type on one line, its meaning below. */
function section(title: string, fields: Field[], asParams: boolean, colours: Palette): string {
  if (fields.length === 0) return '';
  const rows = fields.flatMap((field) => rowsOf(field, '', asParams));
  const indent = ' '.repeat(Math.max(...rows.map(({ name }) => name.length)) + 4);
  const lines = rows.flatMap(({ name, type, need, about }) => [
    `  ${colours.cyan(name)}${indent.slice(name.length + 2)}${wrap(`${type}${need}`, indent)}`,
    ...(about === '' ? [] : [colours.dim(`${indent}${wrap(about, indent)}`)]),
  ]);
  return `${colours.bold(title)}\n${lines.join('\n')}\n`;
}

interface Row {
  name: string;
  type: string;
  need: string;
  about: string;
}

/** The row of a field, and of those inside it. */
function rowsOf({ name, kind, required, about, ...rest }: Field, prefix: string, asParams: boolean): Row[] {
  const need = 'default' in rest && rest.default !== null ? `default ${JSON.stringify(rest.default)}` : required ? 'required' : 'optional';
  const path = `${prefix}${name}`;
  const inner = kind.is === 'object' ? kind.fields.flatMap((field) => rowsOf(field, `${path}.`, asParams)) : [];
  return [{ name: path, type: kindText(kind), need: asParams ? `, ${need}` : '', about: about.replaceAll(/\s+/g, ' ').trim() }, ...inner];
}

/** Text broken between words at the terminal's width, later lines set in. */
function wrap(text: string, indent: string): string {
  const width = Math.max(30, Math.min(process.stdout.columns || 80, MOST_COLUMNS) - indent.length);
  const lines = [''];
  for (const word of text.split(' ')) {
    if (lines.at(-1) !== '' && lines.at(-1)!.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] += `${lines.at(-1) === '' ? '' : ' '}${word}`;
  }
  return lines.join(`\n${indent}`);
}

/** A command that gives each required param: the schema's own example where it has one. */
function example(name: string, params: Field[], output: Field[]): string {
  const pairs = params.filter(({ required }) => required).map((field) => `-p ${shellWord(`${field.name}=${exampleOf(field)}`)}`);
  return ['loomwork run', name, ...pairs, ...outFor(output)].join(' ');
}

function exampleOf({ kind, ...rest }: Field): string {
  if ('example' in rest) return typeof rest.example === 'string' ? rest.example : JSON.stringify(rest.example);
  return { integer: '100', number: '1' }[kind.is as string] ?? kindExample(kind);
}

function outFor(output: Field[]): string[] {
  const arrays = output.filter(({ kind }) => kind.is === 'array' || kind.is === 'image');
  if (arrays.length === 0) return [];
  if (arrays.length > 1) return ['-o', 'out/'];
  return ['-o', `${arrays[0]!.name}${outExtension(arrays[0]!.kind)}`];
}

function outExtension(kind: Kind): string {
  if (kind.is === 'image') return '.png';
  return kind.is === 'array' && kind.dtype === 'u8' ? '.bin' : '.npy';
}

/** A word that a shell takes as it is. */
function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
