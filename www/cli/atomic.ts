// Files that are there whole or not at all: written beside their place under another name, then renamed.
import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { access, constants, mkdir, open, realpath, rename, rm, stat, type FileHandle } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { FailedError, fileReason, UsageError } from '../formats/errors.ts';

/** Files that are being written now: an interrupted process takes them away. */
const unfinished = new Set<string>();
process.on('exit', () => {
  for (const path of unfinished) rmSync(path, { force: true });
});

/**
 * Finds out whether a file can be written, leaving nothing behind: long jobs should not end in a refusal.
 *
 * @param option what named it
 * @throws UsageError naming the option
 */
export async function checkWritable(path: string, option = '-o'): Promise<void> {
  try {
    const { place, special } = await placeOf(path);
    if (special) return await access(place, constants.W_OK);
    const temporary = beside(place);
    await (await open(temporary, 'wx')).close();
    await rm(temporary);
  } catch (error) {
    throw new UsageError(`${path} cannot be written: ${fileReason(error)}`, option, { cause: error });
  }
}

/** Makes a directory, with those above it, in which files can be written. */
export async function makeDirectory(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true });
  } catch (error) {
    throw new UsageError(`the directory ${path} cannot be made: ${fileReason(error)}`, '-o', { cause: error });
  }
  await checkWritable(join(path, 'x'));
}

/** @returns how many bytes were written */
export async function writeWhole(path: string, pieces: Iterable<Uint8Array | string>): Promise<number> {
  try {
    const { place, special, mode } = await placeOf(path);
    // Devices and pipes have no place to be renamed into.
    if (special) return await writeTo(await open(place, 'w'), pieces);
    const temporary = beside(place);
    unfinished.add(temporary);
    try {
      const bytes = await writeTo(await open(temporary, 'wx', mode), pieces);
      await rename(temporary, place);
      return bytes;
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    } finally {
      unfinished.delete(temporary);
    }
  } catch (error) {
    throw new FailedError(`${path} could not be written: ${fileReason(error)}`, { cause: error });
  }
}

/** Where a path leads through its links, whether something other than a file is there, and an old file's mode. */
async function placeOf(path: string): Promise<{ place: string; special: boolean; mode: number | undefined }> {
  const place = await realpath(path).catch(() => path);
  const there = await stat(place).catch(() => undefined);
  if (there?.isDirectory()) throw Object.assign(new Error(), { code: 'EISDIR' });
  // Renaming over a file asks nothing of the file itself; whoever made it read-only meant it.
  if (there?.isFile()) await access(place, constants.W_OK);
  return { place, special: there !== undefined && !there.isFile(), mode: there?.isFile() ? there.mode & 0o777 : undefined };
}

function beside(path: string): string {
  return join(dirname(path), `.${basename(path)}.${randomBytes(4).toString('hex')}.part`);
}

async function writeTo(file: FileHandle, pieces: Iterable<Uint8Array | string>): Promise<number> {
  let bytes = 0;
  try {
    for (const piece of pieces) {
      const data = typeof piece === 'string' ? Buffer.from(piece) : piece;
      // One call may write less than it was given.
      for (let at = 0; at < data.length; ) at += (await file.write(data, at)).bytesWritten;
      bytes += data.length;
    }
  } finally {
    await file.close();
  }
  return bytes;
}
