// The main job of ./build.sh run: real work through the built package's public API, on one thread and on all of them.
//
//   node www/run/main.mjs
//
// Writes out/*.png and prints what was done, how long it took on one thread and on all, and what ran where.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { colour } from './colours.mjs';
import { ProgressBar } from './progress.mjs';
import { paint, table } from './table.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const photoFile = new URL('../../tests/data/hubble_deep_field.jpg', import.meta.url);
const outFolder = new URL('../../out/', import.meta.url);

const PHOTO_WIDTH = 2000;
const THUMBNAIL_WIDTH = 400;
/** Two spirals round a tiny copy of the set, deep in the valley between its body and its head: no pixel is quick. */
const VIEW = { width: 3840, height: 2160, centerX: -0.743643887037151, centerY: 0.13182590420533, span: 1.2e-4, maxIterations: 2000 };
/** Each job is timed up to so often on each host, in turn; the best counts, for other programs can only slow it down. */
const MOST_TURNS = 9;
/** No further turn begins when a job has taken so long. */
const ENOUGH_MS = 600;
/** Of shorter jobs the way to the kernel and back is the greater part: threads are not what their times compare. */
const SHORT_MS = 10;

const bar = new ProgressBar(process.stderr);
try {
  await main();
} catch (error) {
  bar.clear();
  process.stderr.write(`${paint.red(`run failed: ${error?.message ?? error}`, process.stderr)}\n`);
  if (error?.code === 'ERR_MODULE_NOT_FOUND') process.stderr.write('The package is not built: run ./build.sh build\n');
  process.exitCode = 1;
}

async function main() {
  const begun = performance.now();
  const { createHost, VERSION } = await import('../../pkg/node.js');
  const photo = new Uint8Array(await readFile(photoFile));
  const cores = availableParallelism();
  const all = await createHost();
  // Where there is one core, or no shared memory, there is nothing to compare with.
  const one = all.threads > 1 ? await createHost({ threads: 1 }) : undefined;
  try {
    const run = { all, one, rows: [] };
    const files = await work(run, photo);
    bar.clear();
    report({ run, files, cores, version: VERSION, total: performance.now() - begun });
  } finally {
    await Promise.all([all.close(), one?.close()]);
  }
}

/** The jobs, each with the result of the one before it. */
async function work(run, photo) {
  await warmUp(run, photo);

  const { image } = await timed(run, 'image.decode', { data: photo }, ({ image }) => `JPEG of ${size(photo.length)} to ${sides(image)}`);
  const resized = await timed(run, 'image.resize', fitted(image, PHOTO_WIDTH), ({ image }) => `photo to ${sides(image)}, lanczos3`);
  const thumbnail = await timed(run, 'image.resize', fitted(image, THUMBNAIL_WIDTH), ({ image }) => `photo to ${sides(image)}, lanczos3`);
  const photoPng = await timed(run, 'image.encode', { image: resized.image, format: 'png' }, ({ data }) => `large photo to PNG of ${size(data.length)}`);
  const thumbnailPng = await timed(run, 'image.encode', { image: thumbnail.image, format: 'png' }, ({ data }) => `thumbnail to PNG of ${size(data.length)}`);
  for (const algorithm of ['sha256', 'blake3']) {
    await timed(run, 'hash', { data: photo, algorithm }, ({ hex }) => `${algorithm} of the photo ${hex.slice(0, 12)}…`);
  }
  const { counts } = await timed(run, 'mandelbrot', VIEW, () => `${sides(VIEW)}, at most ${VIEW.maxIterations} iterations`);
  bar.show('colouring', 0);
  const painted = { width: VIEW.width, height: VIEW.height, data: colour(counts, VIEW.maxIterations) };
  const mandelbrotPng = await timed(run, 'image.encode', { image: painted, format: 'png' }, ({ data }) => `Mandelbrot to PNG of ${size(data.length)}`);

  await mkdir(outFolder, { recursive: true });
  return Promise.all([
    write('photo.png', photoPng.data),
    write('thumbnail.png', thumbnailPng.data),
    write('mandelbrot.png', mandelbrotPng.data),
  ]);
}

/** The first call of each kernel compiles its code: that is not what is measured. */
async function warmUp({ all, one }, photo) {
  for (const host of [all, one]) {
    if (!host) continue;
    bar.show(`warming up ${count(host.threads, 'thread')}`, 0);
    const { image } = await host.run('image.decode', { data: photo });
    const small = await host.run('image.resize', fitted(image, THUMBNAIL_WIDTH));
    await host.run('image.encode', { image: small.image, format: 'png' });
    await host.run('hash', { data: photo, algorithm: 'blake3' });
    await host.run('hash', { data: photo, algorithm: 'sha256' });
    await host.run('mandelbrot', { ...VIEW, width: 320, height: 180 });
  }
}

/** Runs a job on all threads and on one, in turn, and notes the best time of each, copies to and from the kernel included. */
async function timed({ all, one, rows }, kernel, params, describe) {
  const best = { all: Infinity, one: Infinity };
  const started = performance.now();
  let output;
  for (let turn = 0; turn < MOST_TURNS && (turn === 0 || performance.now() - started < ENOUGH_MS); turn += 1) {
    for (const [name, host] of Object.entries({ one, all })) {
      if (!host) continue;
      const label = `${kernel} on ${count(host.threads, 'thread')}`;
      bar.show(label, 0);
      const begun = performance.now();
      output = await host.run(kernel, params, { onProgress: ({ fraction }) => bar.show(label, fraction) });
      best[name] = Math.min(best[name], performance.now() - begun);
    }
  }
  rows.push({ kernel, what: describe(output), ...best });
  return output;
}

function report({ run: { all, one, rows }, files, cores, version, total }) {
  const columns = one ? ['1 thread', count(all.threads, 'thread'), 'speed-up'] : [count(all.threads, 'thread')];
  const speedUp = (row) => (row.one < SHORT_MS ? '–' : `${(row.one / row.all).toFixed(2)}×`);
  const cells = rows.map((row) => [row.kernel, row.what, ...(one ? [ms(row.one), ms(row.all), speedUp(row)] : [ms(row.all)])]);
  console.log(`\n${table(['job', 'what it did', ...columns], cells, 2)}\n`);
  const facts = {
    'ran in': `Node ${process.version} on ${process.platform} ${process.arch}, ${count(cores, 'core')}`,
    package: `loomwork ${version}, artifact loomwork.${all.artifact}.wasm`,
    backend: `${all.backend} (${all.why})`,
  };
  for (const [name, value] of Object.entries(facts)) console.log(`${paint.dim(name.padEnd(8))} ${value}`);
  for (const [index, { path, bytes }] of files.entries()) {
    console.log(`${paint.dim((index === 0 ? 'wrote' : '').padEnd(8))} ${path.padEnd(20)} ${size(bytes).padStart(8)}`);
  }
  console.log(`${paint.dim('total'.padEnd(8))} ${(total / 1000).toFixed(1)} s\n`);
  console.log(`See it in a page: ${paint.bold('./build.sh demo')}`);
}

/** Params that resize an image to a width, its proportions kept. */
function fitted(image, width) {
  return { image, width, height: Math.round((image.height * width) / image.width), filter: 'lanczos3' };
}

async function write(name, bytes) {
  const path = fileURLToPath(new URL(name, outFolder));
  await writeFile(path, bytes);
  return { path: relative(root, path), bytes: bytes.length };
}

function count(number, noun) {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}

function sides({ width, height }) {
  return `${width} × ${height}`;
}

function size(bytes) {
  return bytes < 1e6 ? `${Math.round(bytes / 1e3)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

function ms(time) {
  return `${time.toFixed(time < 100 ? 1 : 0)} ms`;
}
