// wasm-bindgen's glue, as it is linked into the files of a package. Those files are bundled once, for the built-in kernels; a crate of the
// user's own differs in its glue and in a few facts, which stand at marked places and are replaced. So a user needs no bundler.
import type { Artifact } from '../host/shared/artifact.ts';
import { BuildError } from './errors.ts';

/** What a package's files know of the package. */
export interface Facts {
  name: string;
  version: string;
  artifacts: Artifact[];
  /** Pages of 64 KiB that the threads artifact's memory starts with. */
  initialPages: number;
}

/** Where the glue stands: the last lines of a file, so that the lines above keep their numbers in its source map. */
const BEGIN = '// loomwork: the glue of its artifacts';
const END = '// loomwork: end of the glue';
/** The facts are the first line, since some are used at once. */
const FACTS = /^const __loomwork=\{.*\};$/m;
const GLUE = new RegExp(`^${BEGIN}\n[^]*^${END}$`, 'm');

export function factsLine(facts: Facts): string {
  return `const __loomwork=${JSON.stringify(facts)};`;
}

/** What the wasm imports by itself: the clock of lanes, and the look of a job on its only thread. */
const IMPORTED = new Set(['loomwork-clock', 'loomwork-look']);

/** How wasm-bindgen notes that a thread has trapped; from then on every call into the instance traps, on its other threads too. */
const NOTED = 'getInt32ArrayMemory0()[__wbg_terminated_addr] = 1;';
/** Only the thread that trapped first is to blame: what the others throw then reads as a call that found the instance ended (AFTERMATH in worker/instance.ts). */
const NOTED_ONCE = "if (Atomics.exchange(getInt32ArrayMemory0(), __wbg_terminated_addr, 1)) throw new Error('Module terminated', { cause: e });";

/** The region of the glue; an artifact that was not made has the glue of another, which is never called. */
export function glueRegion(glue: Partial<Record<Artifact, string>>): string {
  const functions = Object.entries(glue).map(([artifact, code]) => `${artifact}(__imports){\n${asFunction(code)}\n}`);
  return `${BEGIN}\nconst __loomworkGlue={\n${functions.join(',\n')}\n};\n${END}`;
}

/** A file of the package with the facts and the glue of another. */
export function refill(text: string, facts: Facts, region: string): string {
  // As functions: what is put in may hold `$&`.
  return text.replace(FACTS, () => factsLine(facts)).replace(GLUE, () => region);
}

/**
 * The module that wasm-bindgen writes, as the body of a function that returns what it exports. Its shape is known, since its version is
 * pinned; what does not fit is refused.
 */
function asFunction(module: string): string {
  const exported: string[] = [];
  if (module.includes('__wbg_handle_catch') && !module.includes(NOTED)) throw new BuildError('wasm-bindgen notes a trap in another way than its pinned version does');
  const lines = module.replace(NOTED, () => NOTED_ONCE).split('\n').map((line) => {
    const [, star, from] = /^import \* as (\w+) from ["'](.*)["'];?$/.exec(line) ?? [];
    if (from !== undefined && IMPORTED.has(from)) return `const ${star}=__imports[${JSON.stringify(from)}];`;
    const [, name] = /^export function (\w+)\(/.exec(line) ?? [];
    if (name !== undefined) {
      exported.push(name);
      return line.slice('export '.length);
    }
    if (line === 'export { initSync, __wbg_init as default };') {
      exported.push('initSync', 'init:__wbg_init');
      return '';
    }
    if (/^\s*import\b(?!\()/.test(line)) throw new BuildError(`a dependency imports JavaScript (${line.trim()}): kernels compute, and import nothing`);
    if (/^export\b/.test(line)) throw new BuildError(`a dependency exports to JavaScript by wasm-bindgen (${line.trim()}): a crate of kernels exports kernels only`);
    return line;
  });
  return `${lines.join('\n')}\nreturn{${exported.join(',')}};`;
}
