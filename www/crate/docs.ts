// Kernels in Markdown: what each takes, gives and streams.
import { kindText, type Catalogue, type Field } from '../formats/catalogue.ts';

export function kernelDocs(catalogue: Catalogue): string {
  return catalogue.kernels.map(({ name, about, params, output, part }) => [
    `## ${name}\n\n${about}\n`,
    table('Params', catalogue.fields(params), true),
    table('Output', catalogue.fields(output), false),
    table('Parts, streamed while it runs', catalogue.fields(part), false),
  ].filter(Boolean).join('\n')).join('\n');
}

function table(title: string, fields: Field[], asParams: boolean): string {
  if (fields.length === 0) return '';
  const rows = fields.flatMap((field) => rowsOf(field, '')).map(({ path, field }) => `| \`${path}\` | ${cell(kindText(field.kind))}${asParams ? need(field) : ''} | ${cell(field.about)} |\n`);
  return `**${title}**\n\n| name | type | meaning |\n|---|---|---|\n${rows.join('')}`;
}

function rowsOf(field: Field, prefix: string): { path: string; field: Field }[] {
  const path = `${prefix}${field.name}`;
  return [{ path, field }, ...(field.kind.is === 'object' ? field.kind.fields.flatMap((inner) => rowsOf(inner, `${path}.`)) : [])];
}

function need(field: Field): string {
  if ('default' in field && field.default !== null) return cell(`, ${JSON.stringify(field.default)} unless told`);
  return field.required ? '' : ', optional';
}

function cell(text: string): string {
  return text.replaceAll(/\s+/g, ' ').replaceAll('|', '\\|').trim();
}
