// The peers are packages of www/node_modules.
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const require = createRequire(new URL('../../../www/package.json', import.meta.url));

/** A package by its name. */
export function load(name) {
  return import(pathToFileURL(require.resolve(name)).href);
}
