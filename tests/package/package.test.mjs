// The npm package as a user gets it: packed, installed into a project of its own, used from Node, from TypeScript and from a page that
// Vite built; and what its tarball holds.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { browsers, launch } from '../browser/launch.mjs';
import { serve } from '../browser/serve.mjs';
import { mandelbrot } from '../cli/support.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const fixtures = fileURLToPath(new URL('fixtures/', import.meta.url));
const modules = join(root, 'www/node_modules');
/** FIPS 180's example: SHA-256 of `abc`. */
const ABC = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';
/** What the fixtures render. */
const counts = Array.from(mandelbrot({ width: 40, height: 30, centerX: -0.5, centerY: 0, span: 3, maxIterations: 200 }));

let folder;
let tarball;
/** An empty project with the tarball installed. */
let project;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'loomwork-package-'));
  await command('npm', ['pack', '--pack-destination', folder], join(root, 'pkg'));
  tarball = join(folder, readdirSync(folder).find((file) => file.endsWith('.tgz')));
  project = join(folder, 'project');
  mkdirSync(project);
  writeFileSync(join(project, 'package.json'), JSON.stringify({ name: 'project', version: '1.0.0', private: true, type: 'module' }));
  await command('npm', ['install', tarball, '--no-audit', '--no-fund'], project);
});
after(() => rmSync(folder, { recursive: true, force: true }));

/** Runs a command to its end; what it printed is in the message when it fails. */
async function command(file, args, cwd) {
  try {
    const { stdout } = await promisify(execFile)(file, args, { cwd, maxBuffer: 1 << 26, env: { ...process.env, NO_COLOR: '1', FORCE_COLOR: '0' } });
    return stdout;
  } catch (error) {
    throw new Error(`${file} ${args.join(' ')} failed: ${error.message}\n${error.stdout ?? ''}`, { cause: error });
  }
}

/** Runs one of the tools that lie with the package's sources. */
function tool(path, args, cwd) {
  return command(process.execPath, [join(modules, path), ...args], cwd);
}

describe('in Node', () => {
  test('a script imports the package by its name', async () => {
    cpSync(join(fixtures, 'node.mjs'), join(project, 'node.mjs'));
    const seen = JSON.parse(await command(process.execPath, ['node.mjs'], project));
    assert.equal(seen.backend, 'threads');
    assert.equal(seen.threads, 2);
    assert.equal(seen.hex, ABC);
    assert.deepEqual(seen.counts, counts);
    assert.deepEqual(seen.shape, [30, 40]);
    assert.ok(seen.kernels.includes('image.resize'));
  });

  test('its command runs with npx', async () => {
    const out = await command('npx', ['--no-install', 'loomwork', 'kernels'], project);
    for (const kernel of ['argsort', 'compress', 'decompress', 'fft', 'groupby', 'hash', 'hash.many', 'image.blur', 'image.color', 'image.convolve', 'image.crop', 'image.decode', 'image.encode', 'image.pipeline', 'image.resize', 'image.rotate', 'kmeans', 'knn', 'knn.index', 'knn.search', 'mandelbrot', 'matmul', 'montecarlo', 'nbody', 'search', 'sort', 'stats.describe', 'stats.histogram', 'stats.quantiles', 'topk']) {
      assert.match(out, new RegExp(`^\\s*${kernel.replace('.', '\\.')}\\b`, 'm'));
    }
  });

  test('it brings no other package', () => {
    assert.deepEqual(readdirSync(join(project, 'node_modules')).filter((name) => !name.startsWith('.')), ['loomwork']);
  });
});

describe('in TypeScript, strict, the declarations checked too', () => {
  const cases = {
    'a bundler and a page': { module: 'esnext', moduleResolution: 'bundler', lib: ['esnext', 'dom'], types: [] },
    'a bundler and a page, the year that the package is built for': { module: 'es2022', moduleResolution: 'bundler', lib: ['es2022', 'dom'], types: [] },
    'Node': { module: 'nodenext', moduleResolution: 'nodenext', lib: ['esnext'], types: ['node'] },
  };
  before(() => {
    cpSync(join(fixtures, 'program.ts'), join(project, 'program.ts'));
    // Beside the project's own packages, as if it had installed them.
    for (const name of ['@types/node', 'undici-types']) cpSync(join(modules, name), join(project, 'node_modules', name), { recursive: true });
  });

  for (const [what, options] of Object.entries(cases)) {
    test(what, async () => {
      const config = {
        compilerOptions: { target: 'es2022', strict: true, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true, skipLibCheck: false, noEmit: true, ...options },
        files: ['program.ts'],
      };
      writeFileSync(join(project, 'tsconfig.json'), JSON.stringify(config));
      await tool('typescript/bin/tsc', ['--project', 'tsconfig.json'], project);
    });
  }

  test('a wrong program is refused, so that the passes above mean something', async () => {
    const wrong = readFileSync(join(fixtures, 'program.ts'), 'utf8').replace('// @ts-expect-error an algorithm that is not', '');
    writeFileSync(join(project, 'program.ts'), wrong);
    await assert.rejects(tool('typescript/bin/tsc', ['--project', 'tsconfig.json'], project), /program\.ts.*md5/s);
  });
});

describe('in a page built by Vite', () => {
  let dist;
  before(async () => {
    const page = join(project, 'page');
    cpSync(join(fixtures, 'page'), page, { recursive: true });
    await tool('vite/bin/vite.js', ['build', '--logLevel', 'warn'], page);
    dist = join(page, 'dist');
  });

  test('the build holds the package\'s worker and artifacts', () => {
    const files = readdirSync(join(dist, 'assets'));
    for (const wanted of [/worker.*\.js$/, /threads.*\.wasm$/, /simd.*\.wasm$/, /baseline.*\.wasm$/]) {
      assert.ok(files.some((file) => wanted.test(file)), `${wanted} in ${files.join(', ')}`);
    }
  });

  for (const name of browsers) {
    describe(name, () => {
      let browser;
      before(async () => {
        browser = await launch(name);
      });
      after(() => browser?.close());

      /** What the page found out, served with or without the headers that a page needs for threads. */
      async function open(isolated) {
        const server = await serve({ isolated, dir: dist });
        try {
          await browser.driver.get(`${server.url}/`);
          return await browser.run('return window.answer;');
        } finally {
          await browser.driver.get('about:blank');
          await server.close();
        }
      }

      test('threads where the page is isolated', async () => {
        const seen = await open(true);
        assert.equal(seen.backend, 'threads', seen.why);
        assert.equal(seen.artifact, 'threads');
        assert.equal(seen.hex, ABC);
        assert.deepEqual(seen.counts, counts);
      });

      test('workers without threads where it is not', async () => {
        const seen = await open(false);
        assert.equal(seen.backend, 'workers', seen.why);
        assert.equal(seen.artifact, 'simd');
        assert.equal(seen.threads, seen.cores, 'a worker a core');
        assert.equal(seen.hex, ABC);
        assert.deepEqual(seen.counts, counts);
      });
    });
  }
});

describe('the tarball', () => {
  let files;
  before(async () => {
    files = (await command('tar', ['-tzf', tarball], folder)).trim().split('\n').map((path) => path.replace(/^package\//, ''));
  });

  test('publint finds nothing', async () => {
    // It would have the field `browser` taken out, since there is `exports`; Parcel reads only the field.
    const { publint } = await import(join(modules, 'publint/src/index-node.js'));
    const { messages } = await publint({ pkgDir: join(project, 'node_modules/loomwork'), pack: false, strict: true });
    // And it takes the tests of the crate that `loomwork new` makes for the package's own.
    const ours = ({ code, args }) => code === 'USE_FILES' && args.internalFilePaths.every((path) => path.startsWith('/template/'));
    assert.deepEqual(messages.filter((message) => message.code !== 'USE_EXPORTS_BROWSER' && !ours(message)), []);
  });

  test('Are the Types Wrong finds nothing', async () => {
    // These are files whose addresses a page or a bundler needs; nobody imports them for what they export.
    const addresses = ['worker.js', 'inline.js', 'isolation.js', 'loomwork.threads.wasm', 'loomwork.simd.wasm', 'loomwork.baseline.wasm'];
    await tool('@arethetypeswrong/cli/dist/index.js', [tarball, '--profile', 'esm-only', '--no-emoji', '--no-color', '--exclude-entrypoints', ...addresses], folder);
  });

  test('holds what is needed', () => {
    const wanted = [
      'package.json', 'README.md', 'LICENSE-MIT', 'LICENSE-APACHE', 'kernels.json', 'browser.js', 'node.js', 'worker.js', 'worker.node.js', 'inline.js', 'edge.js', 'service-worker.js', 'isolation.js',
      'process.node.js', 'queue-worker.js', 'bin/server.js', 'loomwork.threads.wasm', 'loomwork.simd.wasm', 'loomwork.baseline.wasm', 'bin/loomwork.js', 'types/host/entry/browser.d.ts', 'types/host/entry/node.d.ts',
    ];
    assert.deepEqual(wanted.filter((file) => !files.includes(file)), []);
  });

  test('holds nothing else', (t) => {
    const known = /^(package\.json|README\.md|CHANGELOG\.md|LICENSE(-MIT|-APACHE)?|kernels\.json|(browser|node|worker|worker\.node|process\.node|queue-worker|inline|edge|service-worker|isolation)\.js(\.map)?|loomwork\.\w+\.wasm|bin\/(loomwork|server)\.js(\.map)?|demo\/(bench\/)?[\w.-]+|template\/(gitignore|Cargo\.toml|README\.md|(src|tests)\/[\w.]+)|types\/.+\.d\.ts)$/;
    assert.deepEqual(files.filter((file) => !known.test(file)), []);
    assert.deepEqual(files.filter((file) => /types\/host\/worker|tsbuildinfo|\.test\.[jt]s/.test(file)), [], 'no inner types');
    for (const map of files.filter((file) => file.endsWith('.map'))) {
      const { sourcesContent } = JSON.parse(readFileSync(join(project, 'node_modules/loomwork', map), 'utf8'));
      assert.ok(!sourcesContent, `${map} holds the sources again`);
    }
    const megabytes = (bytes) => `${(bytes / 1e6).toFixed(2)} MB`;
    const unpacked = files.reduce((sum, file) => sum + statSync(join(project, 'node_modules/loomwork', file)).size, 0);
    t.diagnostic(`tarball ${megabytes(statSync(tarball).size)}, unpacked ${megabytes(unpacked)}, ${files.length} files`);
  });

  test('no file names a path of the machine that built it', () => {
    const paths = [root, `${homedir()}/`];
    const installed = join(project, 'node_modules/loomwork');
    const found = files.filter((file) => {
      const bytes = readFileSync(join(installed, file));
      return paths.some((path) => bytes.includes(path));
    });
    assert.deepEqual(found, []);
  });
});
