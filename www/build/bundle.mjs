// Makes the npm package in pkg/ out of the TypeScript under www/ and the artifacts under target/wasm/.
//
//   node www/build/bundle.mjs [--faults]
//
// --faults: the package of the fault tests, from target/wasm-faults/ to target/faults/, without command and page.
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync, chmodSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import { build, transform } from 'esbuild';
import { loadCrate, pins, root, TEXT } from './load.mjs';

const { factsLine, glueRegion, initialPages, manifest } = await loadCrate();
const www = join(root, 'www');
const faults = process.argv.includes('--faults');
const pkg = join(root, faults ? 'target/faults' : 'pkg');
const wasm = join(root, faults ? 'target/wasm-faults' : 'target/wasm');

/** The year of the language that all browsers of our table read. */
const TARGET = ['es2022'];

/** What only the server and the queue need: whoever uses those installs them. */
const OPTIONAL = {
  fastify: '^5.12.0',
  '@fastify/accepts': '^5.0.6',
  '@fastify/multipart': '^10.1.0',
  '@fastify/rate-limit': '^11.2.0',
  'prom-client': '^15.1.3',
  bullmq: '^6.7.0',
  ioredis: '^6.0.0',
};

const artifacts = faults ? ['threads', 'simd'] : ['threads', 'simd', 'baseline'];
const glue = Object.fromEntries(artifacts.map((artifact) => [artifact, readFileSync(join(wasm, artifact, 'loomwork.js'), 'utf8')]));
const { version } = JSON.parse(readFileSync(join(www, 'package.json'), 'utf8'));
/** What stands at the first and at the last lines of the files, and is replaced in a package of a user's kernels (www/crate/glue.ts). */
const facts = factsLine({ name: 'loomwork', version, artifacts, initialPages: initialPages(glue.threads) });
const region = await minified(glueRegion(glue));

const common = {
  bundle: true,
  format: 'esm',
  target: TARGET,
  charset: 'utf8',
  legalComments: 'inline',
  logLevel: 'warning',
  sourcemap: true,
  sourcesContent: false,
  define: pins,
  loader: TEXT,
};

rmSync(pkg, { recursive: true, force: true });
mkdirSync(pkg, { recursive: true });

for (const artifact of artifacts) {
  cpSync(join(wasm, artifact, 'loomwork_bg.wasm'), join(pkg, `loomwork.${artifact}.wasm`));
}
if (!faults) cpSync(join(wasm, 'kernels.json'), join(pkg, 'kernels.json'));

await Promise.all([
  bundle('host/entry/browser.ts', 'browser.js', { platform: 'browser', external: ['./inline.js'] }),
  bundle('host/entry/worker-web.ts', 'worker.js', { platform: 'browser', minify: true, glue: true }),
  bundle('host/entry/inline.ts', 'inline.js', { platform: 'neutral', minify: true, glue: true }),
  bundle('host/entry/service-worker.ts', 'service-worker.js', { platform: 'browser', glue: true }),
  bundle('host/entry/edge.ts', 'edge.js', { platform: 'browser', external: ['./loomwork.simd.wasm'], glue: true }),
  bundle('host/entry/isolation.ts', 'isolation.js', { platform: 'browser', format: 'iife', minify: true, banner: {} }),
  bundle('host/entry/node.ts', 'node.js', { platform: 'node', target: ['node20'], external: ['./inline.js', ...Object.keys(OPTIONAL)] }),
  bundle('host/entry/queue-worker.ts', 'queue-worker.js', { platform: 'node', target: ['node20'], external: ['./inline.js', ...Object.keys(OPTIONAL)] }),
  bundle('host/entry/worker-node.ts', 'worker.node.js', { platform: 'node', target: ['node20'], glue: true }),
  bundle('host/entry/process.ts', 'process.node.js', { platform: 'node', target: ['node20'], external: ['./inline.js'] }),
]);
if (!faults) {
  await bundleCli();
  await bundleDemo();
  await bundleBench();
  copyTemplate();
  writePackageJson();
}
// The optional libraries, for who runs the package where it was built. Node's package managers leave this out.
symlinkSync(relative(pkg, join(www, 'node_modules')), join(pkg, 'node_modules'));

function bundle(entry, out, { glue = false, ...options }) {
  const marked = { banner: { js: facts }, ...(glue && { footer: { js: region } }) };
  return build({ ...common, ...marked, entryPoints: [join(www, entry)], outfile: join(pkg, out), ...options });
}

/** The region without its spaces and comments, but for those that mark it. */
async function minified(region) {
  const lines = region.split('\n');
  const { code } = await transform(lines.slice(1, -1).join('\n'), { minify: true, target: TARGET });
  return [lines[0], code.trimEnd(), lines.at(-1)].join('\n');
}

/** The command: it uses the package's own host, beside it. */
async function bundleCli() {
  const out = join(pkg, 'bin/loomwork.js');
  await build({
    ...common,
    entryPoints: [join(www, 'cli/main.ts')],
    outfile: out,
    platform: 'node',
    target: ['node20'],
    // Some of the bundled libraries are CommonJS and call `require` for Node's own modules.
    banner: { js: "#!/usr/bin/env node\nimport { createRequire as __createRequire } from 'node:module';\nconst require = __createRequire(import.meta.url);" },
    plugins: [redirect(/host\/entry\/node\.ts$/, '../node.js'), redirect(/server\/main\.ts$/, './server.js'), redirect(/host\/entry\/queue-worker\.ts$/, '../queue-worker.js')],
  });
  chmodSync(out, 0o755);
  await build({
    ...common,
    entryPoints: [join(www, 'server/main.ts')],
    outfile: join(pkg, 'bin/server.js'),
    platform: 'node',
    target: ['node20'],
    external: Object.keys(OPTIONAL),
    plugins: [redirect(/host\/entry\/node\.ts$/, '../node.js')],
  });
}

/** The demo page, with everything that it loads beside it. */
async function bundleDemo() {
  const out = join(pkg, 'demo');
  await build({
    ...common,
    // theme.js runs by itself before the first paint.
    entryPoints: [join(www, 'demo/main.ts'), join(www, 'demo/theme.ts')],
    outdir: out,
    platform: 'browser',
    minify: true,
    plugins: [redirect(/host\/entry\/browser\.ts$/, './browser.js')],
  });
  for (const file of readdirSync(join(www, 'demo'))) {
    if (/\.(html|css|svg|png|jpg|webp|webmanifest)$/.test(file) && !file.startsWith('screenshot')) cpSync(join(www, 'demo', file), join(out, file));
  }
  cpSync(join(root, 'tests/data/hubble_deep_field.jpg'), join(out, 'hubble_deep_field.jpg'));
  for (const file of readdirSync(pkg)) {
    if (/^(browser|worker|inline)\.js$|\.wasm$/.test(file)) cpSync(join(pkg, file), join(out, file));
  }
}

/** The page that measures a browser: a part of the demo, whose host it uses. */
async function bundleBench() {
  const out = join(pkg, 'demo/bench');
  await build({
    ...common,
    entryPoints: [join(www, 'bench/page/page.ts'), join(www, 'bench/page/worker.ts')],
    outdir: out,
    platform: 'browser',
    minify: true,
    plugins: [redirect(/host\/entry\/browser\.ts$/, '../browser.js')],
  });
  for (const file of ['page/index.html', 'page/page.css', 'report.css']) cpSync(join(www, 'bench', file), join(out, basename(file)));
}

/** What `loomwork new` makes a crate of: the example, as it is in git. */
function copyTemplate() {
  const example = join(root, 'examples/my-kernels');
  // What building it there has left behind.
  const made = /\/(target|pkg|node_modules|Cargo\.lock)$/;
  cpSync(example, join(pkg, 'template'), { recursive: true, filter: (path) => !made.test(path) });
  // npm leaves files of that name out of packages.
  renameSync(join(pkg, 'template/.gitignore'), join(pkg, 'template/gitignore'));
}

/** Keeps an import of the package's own module as an import of the built file. */
function redirect(filter, path) {
  return {
    name: 'redirect',
    setup({ onResolve }) {
      onResolve({ filter }, () => ({ path, external: true }));
    },
  };
}

function writePackageJson() {
  cpSync(join(root, 'target/types/main/host'), join(pkg, 'types/host'), { recursive: true, filter: published });
  cpSync(join(root, 'target/types/node/host'), join(pkg, 'types/host'), { recursive: true, filter: published });
  cpSync(join(root, 'target/types/node/queue'), join(pkg, 'types/queue'), { recursive: true, filter: published });
  const identity = { name: 'loomwork', version, description: 'Rust compute kernels on every core, from a page or Node, through WebAssembly workers', license: 'MIT OR Apache-2.0' };
  const keywords = ['wasm', 'webassembly', 'worker', 'threads', 'rayon', 'simd', 'worker-threads', 'parallel'];
  const own = { ...manifest(identity, artifacts, OPTIONAL), keywords, bin: { loomwork: 'bin/loomwork.js' } };
  writeFileSync(join(pkg, 'package.json'), `${JSON.stringify(own, null, 2)}\n`);
  for (const file of ['README.md', 'CHANGELOG.md', 'LICENSE', 'LICENSE-MIT', 'LICENSE-APACHE']) {
    if (existsSync(join(root, file))) cpSync(join(root, file), join(pkg, file));
  }
}

/** Types that a caller can reach; not those of the workers' side, nor those that name the optional libraries. */
function published(path) {
  return !/host\/worker|\.tsbuildinfo$|entry\/worker|entry\/inline|entry\/isolation|entry\/process|queue\/(connection|engine|protocol|store|worker)\./.test(path);
}
