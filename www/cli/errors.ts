// How the command fails: exit codes, errors of its own, and one sentence for every error.
import { BuildError } from '../crate/errors.ts';
import { isUsageError } from '../formats/errors.ts';
import { LoomworkError } from '../host/entry/node.ts';
import type { Palette } from './terminal.ts';

/** Exit codes, the same for every command. */
export const EXIT = { done: 0, failed: 1, usage: 2, interrupted: 130 } as const;

/** Ctrl-C, or a request to end. Its message is all that is said of it. */
export class InterruptedError extends Error {
  readonly signal: 'SIGINT' | 'SIGTERM';
  readonly exitCode: number;

  constructor(signal: 'SIGINT' | 'SIGTERM', message = 'interrupted') {
    super(message);
    this.signal = signal;
    this.exitCode = signal === 'SIGINT' ? EXIT.interrupted : 143;
  }
}

/** The command's exit code for an error. Params that a kernel refuses are wrong use, like options that do not exist. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof InterruptedError) return error.exitCode;
  if (isUsageError(error)) return EXIT.usage;
  if (error instanceof LoomworkError && (error.code === 'BAD_PARAMS' || error.code === 'UNKNOWN_KERNEL')) return EXIT.usage;
  return EXIT.failed;
}

/** The error as people read it: one sentence, then its code. The stack only where LOOMWORK_DEBUG asks for it. */
export function errorText(error: unknown, colours: Palette): string {
  const message = messageOf(error);
  const code = codeOf(error);
  // What a tool said comes first, so that the sentence is the last thing that is read.
  const details = error instanceof BuildError && error.details !== '' ? `${error.details}\n` : '';
  const line = `${details}${colours.red('error:')} ${message}${code === undefined ? '' : colours.dim(` [${code}]`)}`;
  if (!process.env['LOOMWORK_DEBUG'] || !(error instanceof Error)) return line;
  return `${line}\n${error.stack ?? ''}${error.cause instanceof Error ? `\ncaused by ${error.cause.stack ?? ''}` : ''}`;
}

/** The error as programs read it. */
export function errorJson(error: unknown): object {
  const { field, location, data } = error as Partial<LoomworkError>;
  const details = error instanceof BuildError && error.details !== '' ? error.details : undefined;
  return { error: { code: codeOf(error) ?? null, message: messageOf(error), ...(field !== undefined && { field }), ...(location !== undefined && { location }), ...(data !== undefined && { data }), ...(details !== undefined && { details }) } };
}

function codeOf(error: unknown): string | undefined {
  if (error instanceof LoomworkError) return error.code;
  if (isUsageError(error)) return 'BAD_USAGE';
  if (error instanceof BuildError) return 'BUILD_FAILED';
  return error instanceof DOMException && error.name === 'TimeoutError' ? 'TIMEOUT' : undefined;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
