// The worker and wasm files that a page's scripts name. Read from the text of the page and of its scripts, without running them.
import { fetchReason, type Fetched } from './fetch.ts';

/** Scripts that are looked into. */
const MOST_SCRIPTS = 40;

export interface LinkedFile {
  url: URL;
  kind: 'worker' | 'wasm';
  /** Path of the script that names it. */
  from: string;
  /** What came back, or why nothing did. */
  answer: Fetched | string;
}

/** Scripts of a page: `src` of script elements and preloaded modules. */
const LINKS = [/<script\b[^>]*?\bsrc\s*=\s*["']?([^"'\s>]+)/gi, /<link\b[^>]*?\brel\s*=\s*["']?modulepreload\b[^>]*?\bhref\s*=\s*["']?([^"'\s>]+)/gi];
/** Modules that a script imports, minified or not. */
const IMPORTS = /(?:\bfrom|\bimport)\s*\(?\s*["']([^"'\s]+\.m?js(?:\?[^"'\s]*)?)["']/g;
/** Files that `new URL('./file', import.meta.url)` names, as every bundler writes it. */
const FILES = /new\s+URL\(\s*["'`]([^"'`\s]+?\.(?:wasm|m?js)(?:\?[^"'`\s]*)?)["'`]/g;

export async function findFiles(page: Fetched, get: (url: URL) => Promise<Fetched>): Promise<LinkedFile[]> {
  const found = new Map<string, { url: URL; kind: LinkedFile['kind']; from: string }>();
  const waiting = LINKS.flatMap((pattern) => matchesOf(pattern, page.body, page.url));
  const seen = new Set<string>();
  collect(page, found);
  while (waiting.length > 0 && seen.size < MOST_SCRIPTS) {
    const url = waiting.shift()!;
    if (seen.has(url.href)) continue;
    seen.add(url.href);
    const script = await get(url).catch(() => undefined);
    if (script?.status !== 200) continue;
    collect(script, found);
    waiting.push(...matchesOf(IMPORTS, script.body, script.url));
  }
  return Promise.all([...found.values()].map(async (file) => ({ ...file, answer: await get(file.url).catch(fetchReason) })));
}

function collect({ body, url: from }: Fetched, found: Map<string, { url: URL; kind: LinkedFile['kind']; from: string }>): void {
  for (const url of matchesOf(FILES, body, from)) {
    const kind = url.pathname.endsWith('.wasm') ? 'wasm' : /worker/i.test(url.pathname) ? 'worker' : undefined;
    if (kind && !found.has(url.href)) found.set(url.href, { url, kind, from: from.pathname });
  }
}

function matchesOf(pattern: RegExp, text: string, base: URL): URL[] {
  return [...text.matchAll(pattern)].filter(([, path]) => URL.canParse(path!, base)).map(([, path]) => new URL(path!, base)).filter(({ protocol }) => /^https?:$/.test(protocol));
}
