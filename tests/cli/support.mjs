// What the command's tests share: running it as built, files of their own, and reading what it wrote.
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const command = fileURLToPath(new URL('../../pkg/bin/loomwork.js', import.meta.url));
export const data = fileURLToPath(new URL('../data/', import.meta.url));
export const picture = join(data, 'hubble_deep_field.jpg');

/** A small render, as params on the command line. */
export const view = { width: 31, height: 17, centerX: -0.6, centerY: 0.05, span: 2.8, maxIterations: 100 };
/** One that ends long after any test: around this point orbits neither escape nor come round again for very long. */
export const endless = { ...view, width: 4000, height: 4000, centerX: -0.75, centerY: 0, span: 1e-7, maxIterations: 4_000_000_000 };

/** `-p KEY=VALUE` for each. */
export function flags(params) {
  return Object.entries(params).flatMap(([key, value]) => ['-p', `${key}=${value}`]);
}

/** Starts the command. Colours are off unless `env` says otherwise: the tests may themselves run under FORCE_COLOR. */
export function start(args, { env = {}, ...options } = {}) {
  const { FORCE_COLOR, NO_COLOR, LOOMWORK_DEBUG, ...clean } = process.env;
  return spawn(process.execPath, [command, ...args], { env: { ...clean, ...env }, ...options });
}

/** Runs the command to its end. */
export async function run(args, { stdin = '', ...options } = {}) {
  const child = start(args, options);
  const output = { stdout: [], stderr: [] };
  child.stdout.on('data', (chunk) => output.stdout.push(chunk));
  child.stderr.on('data', (chunk) => output.stderr.push(chunk));
  // A command that refuses its params never reads them.
  child.stdin.on('error', () => {});
  child.stdin.end(stdin);
  const [code, signal] = await new Promise((resolve) => child.on('close', (...ended) => resolve(ended)));
  const bytes = Buffer.concat(output.stdout);
  return { code, signal, bytes, stdout: bytes.toString(), stderr: Buffer.concat(output.stderr).toString() };
}

/** A folder that is gone after the test. */
export function folder(t) {
  const path = mkdtempSync(join(tmpdir(), 'loomwork-cli-'));
  t.after(() => rm(path, { recursive: true, force: true }));
  return path;
}

/** Names of all that is in a folder, hidden files too. */
export function listing(path) {
  return readdirSync(path).sort();
}

/** The header and the data of an .npy file, read on their own and not by the code under test. */
export function readNpy(path) {
  const file = readFileSync(path);
  const wide = file[6] > 1;
  const start = wide ? 12 + file.readUInt32LE(8) : 10 + file.readUInt16LE(8);
  const header = file.subarray(wide ? 12 : 10, start).toString('latin1');
  return {
    start,
    header,
    descr: /'descr': '([^']*)'/.exec(header)[1],
    shape: /'shape': \(([^)]*)\)/.exec(header)[1].split(',').map((n) => n.trim()).filter(Boolean).map(Number),
    data: file.subarray(start),
  };
}

/** The Mandelbrot counts by their definition. */
export function mandelbrot({ width, height, centerX, centerY, span, maxIterations }) {
  const step = span / width;
  return Uint32Array.from({ length: width * height }, (_, index) => {
    const cr = centerX + ((index % width) + 0.5 - width / 2) * step;
    const ci = centerY + (Math.floor(index / width) + 0.5 - height / 2) * step;
    let [zr, zi, count] = [0, 0, 0];
    for (; count < maxIterations; count += 1) {
      [zr, zi] = [zr * zr - zi * zi + cr, 2 * zr * zi + ci];
      if (!(zr * zr + zi * zi <= 4)) break;
    }
    return count;
  });
}
