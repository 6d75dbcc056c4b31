// The pipe beside a child's channel, for arrays: each end tries whether it carries anything before it is relied upon.
import type { ChildProcess } from 'node:child_process';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/** Where the pipe is among a child's file descriptors; the channel is the one before. */
const PIPE_FD = 4;
/** How a child is started that has one. */
export const STDIO = ['ignore', 'ignore', 'pipe', 'ipc', 'pipe'] as const;
/** What both ends send first. */
const HELLO = Uint8Array.of(76);
/** A child whose parent's byte is not there by then has no pipe that works (Bun 1.4 makes one that carries nothing). */
const PATIENCE_MS = 250;

/** The parent's end. `heard` resolves when the child has answered, which it does before it says that it is ready. */
export function parentsEnd(child: ChildProcess): { pipe: Duplex | undefined; heard: Promise<void> } {
  // A child that could not be started has none, and never answers.
  const pipe = child.stdio?.[PIPE_FD] as Duplex | undefined;
  if (!pipe) return { pipe, heard: new Promise(() => {}) };
  // A pipe that breaks has lost its other end, of whose death its owner hears by itself.
  pipe.on('error', () => {});
  pipe.write(HELLO);
  return { pipe, heard: hello(pipe) };
}

/** The child's end, or undefined when it is of no use. */
export async function childsEnd(): Promise<Duplex | undefined> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  try {
    const pipe = new Socket({ fd: PIPE_FD, readable: true, writable: true });
    pipe.on('error', () => {});
    const late = new Promise<'late'>((resolve) => {
      timer = setTimeout(() => resolve('late'), PATIENCE_MS);
    });
    if ((await Promise.race([hello(pipe), late])) === 'late') {
      pipe.destroy();
      return undefined;
    }
    pipe.write(HELLO);
    return pipe;
  } catch {
    return undefined;
  } finally {
    clearTimeout(timer);
  }
}

/** Takes the other's first byte, after which there is none before somebody was told of it. */
function hello(pipe: Duplex): Promise<void> {
  return new Promise((resolve) => {
    pipe.once('data', () => {
      pipe.pause();
      resolve();
    });
  });
}
