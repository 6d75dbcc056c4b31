// `loomwork kernels`: what can be run, and what each kernel takes and gives.
import { Command } from 'commander';
import { Catalogue, kindText, type Field, type KernelDescription, type Kind } from './catalogue.ts';
import { writeStdout } from './streams.ts';
import { paletteFor, type Palette } from './terminal.ts';
import { kindExample } from './values.ts';

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
    `${colours.bold(kernel.name)}: ${kernel.about}\n`,
    section('Params', params, true, colours),
    section('Output', output, false, colours),
    section('Parts, streamed while it runs', parts, false, colours),
    `${colours.bold('Example')}\n  ${example(kernel.name, params, output)}\n`,
  ];
  return sections.filter((text) => text !== '').join('\n');
}

function section(title: string, fields: Field[], asParams: boolean, colours: Palette): string {
  if (fields.length === 0) return '';
  const rows = fields.flatMap((field) => rowsOf(field, '', asParams));
  const widths = [0, 1, 2].map((column) => Math.max(...rows.map((row) => row[column]!.length)));
  const lines = rows.map(([name, type, need, about]) => {
    const cells = [colours.cyan(name!.padEnd(widths[0]!)), type!.padEnd(widths[1]!), ...(asParams ? [colours.dim(need!.padEnd(widths[2]!))] : []), about];
    return `  ${cells.join('  ')}`.trimEnd();
  });
  return `${colours.bold(title)}\n${lines.join('\n')}\n`;
}

/** Name, type, whether it is needed, meaning: of a field and of those inside it. */
function rowsOf({ name, kind, required, about, ...rest }: Field, prefix: string, asParams: boolean): string[][] {
  const given = 'default' in rest && rest.default !== null ? `default ${JSON.stringify(rest.default)}` : required ? 'required' : 'optional';
  const path = `${prefix}${name}`;
  const inner = kind.is === 'object' ? kind.fields.flatMap((field) => rowsOf(field, `${path}.`, asParams)) : [];
  return [[path, kindText(kind), given, about.replaceAll(/\s+/g, ' ')], ...inner];
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
