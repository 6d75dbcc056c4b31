// The cases in workerd, through miniflare: run by a Node that miniflare supports, with the backend and what is picked by itself as arguments.
import { fileURLToPath } from 'node:url';
import { Miniflare } from 'miniflare';

const [backend, auto] = process.argv.slice(2);
const root = fileURLToPath(new URL('../..', import.meta.url));
const miniflare = new Miniflare({
  host: '127.0.0.1',
  compatibilityDate: '2026-07-01',
  modules: true,
  modulesRoot: root,
  modulesRules: [{ type: 'ESModule', include: ['**/*.mjs', '**/*.js'] }, { type: 'CompiledWasm', include: ['**/*.wasm'] }],
  scriptPath: fileURLToPath(new URL('./isolate.mjs', import.meta.url)),
});
const response = await miniflare.dispatchFetch('http://localhost/', { method: 'POST', body: JSON.stringify({ backend, auto }) });
for (const line of await response.json()) console.log(JSON.stringify(line));
await miniflare.dispose();
