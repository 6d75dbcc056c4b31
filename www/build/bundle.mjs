// Makes the npm package in pkg/ out of the TypeScript under www/ and the artifacts under target/wasm/.
//
//   node www/build/bundle.mjs [--faults]
//
// --faults: the package of the fault tests, from target/wasm-faults/ to target/faults/, without command and page.
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync, chmodSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = join(dirname(fileURLToPath(import.meta.url)), '../..');
const www = join(root, 'www');
const faults = process.argv.includes('--faults');
const pkg = join(root, faults ? 'target/faults' : 'pkg');
const wasm = join(root, faults ? 'target/wasm-faults' : 'target/wasm');

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

const common = {
  bundle: true,
  format: 'esm',
  target: ['es2022'],
  charset: 'utf8',
  legalComments: 'inline',
  logLevel: 'warning',
  sourcemap: true,
  sourcesContent: false,
  define: { __INITIAL_PAGES__: String(initialPages()) },
  plugins: [glue()],
};

rmSync(pkg, { recursive: true, force: true });
mkdirSync(pkg, { recursive: true });

for (const artifact of faults ? ['threads', 'simd'] : ['threads', 'simd', 'baseline']) {
  cpSync(join(wasm, artifact, 'loomwork_bg.wasm'), join(pkg, `loomwork.${artifact}.wasm`));
}
if (!faults) cpSync(join(wasm, 'kernels.json'), join(pkg, 'kernels.json'));

await Promise.all([
  bundle('host/entry/browser.ts', 'browser.js', { platform: 'browser', external: ['./inline.js'] }),
  bundle('host/entry/worker-web.ts', 'worker.js', { platform: 'browser', minify: true }),
  bundle('host/entry/inline.ts', 'inline.js', { platform: 'neutral', minify: true }),
  bundle('host/entry/service-worker.ts', 'service-worker.js', { platform: 'browser' }),
  bundle('host/entry/edge.ts', 'edge.js', { platform: 'browser', external: ['./loomwork.simd.wasm'] }),
  bundle('host/entry/isolation.ts', 'isolation.js', { platform: 'browser', format: 'iife', minify: true }),
  bundle('host/entry/node.ts', 'node.js', { platform: 'node', target: ['node20'], external: ['./inline.js', ...Object.keys(OPTIONAL)] }),
  bundle('host/entry/queue-worker.ts', 'queue-worker.js', { platform: 'node', target: ['node20'], external: ['./inline.js', ...Object.keys(OPTIONAL)] }),
  bundle('host/entry/worker-node.ts', 'worker.node.js', { platform: 'node', target: ['node20'] }),
  bundle('host/entry/process.ts', 'process.node.js', { platform: 'node', target: ['node20'], external: ['./inline.js'] }),
]);
if (!faults) {
  await bundleCli();
  await bundleDemo();
  writePackageJson();
}
// The optional libraries, for who runs the package where it was built. Node's package managers leave this out.
symlinkSync(relative(pkg, join(www, 'node_modules')), join(pkg, 'node_modules'));

function bundle(entry, out, options) {
  return build({ ...common, entryPoints: [join(www, entry)], outfile: join(pkg, out), ...options });
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
    plugins: [...common.plugins, redirect(/host\/entry\/node\.ts$/, '../node.js'), redirect(/server\/main\.ts$/, './server.js'), redirect(/host\/entry\/queue-worker\.ts$/, '../queue-worker.js')],
  });
  chmodSync(out, 0o755);
  await bundle('server/main.ts', 'bin/server.js', {
    platform: 'node',
    target: ['node20'],
    external: Object.keys(OPTIONAL),
    plugins: [...common.plugins, redirect(/host\/entry\/node\.ts$/, '../node.js')],
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
    plugins: [...common.plugins, redirect(/host\/entry\/browser\.ts$/, './browser.js')],
  });
  for (const file of readdirSync(join(www, 'demo'))) {
    if (/\.(html|css|svg|png|jpg|webp|webmanifest)$/.test(file) && !file.startsWith('screenshot')) cpSync(join(www, 'demo', file), join(out, file));
  }
  cpSync(join(root, 'tests/data/hubble_deep_field.jpg'), join(out, 'hubble_deep_field.jpg'));
  for (const file of readdirSync(pkg)) {
    if (/^(browser|worker|inline)\.js$|\.wasm$/.test(file)) cpSync(join(pkg, file), join(out, file));
  }
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

/** Resolves `loomwork-glue/ARTIFACT` to wasm-bindgen's output, and what the wasm itself imports to its module. */
function glue() {
  return {
    name: 'glue',
    setup({ onResolve }) {
      onResolve({ filter: /^loomwork-clock$/ }, () => ({ path: join(www, 'host/worker/clock.ts') }));
      onResolve({ filter: /^loomwork-glue\// }, ({ path }) => {
        const artifact = path.split('/')[1];
        // The fault tests have no baseline; its glue is never called there.
        return { path: join(wasm, faults && artifact === 'baseline' ? 'simd' : artifact, 'loomwork.js') };
      });
    },
  };
}

/** The size that the threads artifact's memory starts with: whoever makes the memory must make it at least so large. */
function initialPages() {
  const match = /new WebAssembly\.Memory\(\{initial:(\d+),maximum:\d+,shared:true\}\)/.exec(readFileSync(join(wasm, 'threads/loomwork.js'), 'utf8'));
  if (!match) throw new Error('the threads artifact does not make a shared memory: were its link flags lost?');
  return Number(match[1]);
}

function writePackageJson() {
  const { version } = JSON.parse(readFileSync(join(www, 'package.json'), 'utf8'));
  const types = (entry) => `./types/host/entry/${entry}.d.ts`;
  cpSync(join(root, 'target/types/main/host'), join(pkg, 'types/host'), { recursive: true, filter: published });
  cpSync(join(root, 'target/types/node/host'), join(pkg, 'types/host'), { recursive: true, filter: published });
  cpSync(join(root, 'target/types/node/queue'), join(pkg, 'types/queue'), { recursive: true, filter: published });
  const manifest = {
    name: 'loomwork',
    version,
    description: 'Rust compute kernels on every core, from a page or Node, through WebAssembly workers',
    keywords: ['wasm', 'webassembly', 'worker', 'threads', 'rayon', 'simd', 'worker-threads', 'parallel'],
    license: 'MIT OR Apache-2.0',
    type: 'module',
    engines: { node: '>=20' },
    // Parcel ignores `exports`.
    main: './node.js',
    browser: './browser.js',
    types: types('browser'),
    exports: {
      '.': {
        // Before `browser`: whoever builds for edge isolates names both.
        workerd: { types: types('edge'), default: './edge.js' },
        browser: { types: types('browser'), default: './browser.js' },
        node: { types: types('node'), default: './node.js' },
        default: { types: types('browser'), default: './browser.js' },
      },
      './service-worker': { types: types('service-worker'), default: './service-worker.js' },
      './queue-worker': { types: types('queue-worker'), default: './queue-worker.js' },
      './isolation.js': './isolation.js',
      './worker.js': './worker.js',
      './inline.js': './inline.js',
      './loomwork.threads.wasm': './loomwork.threads.wasm',
      './loomwork.simd.wasm': './loomwork.simd.wasm',
      './loomwork.baseline.wasm': './loomwork.baseline.wasm',
      './kernels.json': './kernels.json',
      './package.json': './package.json',
    },
    sideEffects: ['./worker.js', './worker.node.js', './process.node.js', './isolation.js'],
    bin: { loomwork: 'bin/loomwork.js' },
    peerDependencies: OPTIONAL,
    peerDependenciesMeta: Object.fromEntries(Object.keys(OPTIONAL).map((name) => [name, { optional: true }])),
  };
  writeFileSync(join(pkg, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
  for (const file of ['README.md', 'CHANGELOG.md', 'LICENSE', 'LICENSE-MIT', 'LICENSE-APACHE']) {
    if (existsSync(join(root, file))) cpSync(join(root, file), join(pkg, file));
  }
}

/** Types that a caller can reach; not those of the workers' side, nor those that name the optional libraries. */
function published(path) {
  return !/host\/worker|\.tsbuildinfo$|entry\/worker|entry\/inline|entry\/isolation|entry\/process|queue\/(connection|engine|protocol|store|worker)\./.test(path);
}
