// Asks an edge isolate in workerd, through miniflare, and prints what it answers. Run by a Node that miniflare supports.
//
//   node workerd.mjs BACKEND AUTO                the cases: a line for each
//   node workerd.mjs '' '' SCRIPT FOLDER         another isolate, whose modules lie in a folder
import { fileURLToPath } from 'node:url';
import { Miniflare } from 'miniflare';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const [backend, auto, scriptPath = here('./isolate.mjs'), modulesRoot = here('../..')] = process.argv.slice(2);
const miniflare = new Miniflare({
  host: '127.0.0.1',
  compatibilityDate: '2026-07-01',
  modules: true,
  modulesRoot,
  modulesRules: [{ type: 'ESModule', include: ['**/*.mjs', '**/*.js'] }, { type: 'CompiledWasm', include: ['**/*.wasm'] }],
  scriptPath,
});
const response = await miniflare.dispatchFetch('http://localhost/', { method: 'POST', body: JSON.stringify({ backend, auto }) });
console.log(await response.text());
await miniflare.dispose();
