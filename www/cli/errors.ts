// How the command fails: exit codes, errors of its own, and one sentence for every error.
import { LoomworkError } from '../host/entry/node.ts';
import type { Palette } from './terminal.ts';

/** Exit codes, the same for every command. */
export const EXIT = { done: 0, failed: 1, usage: 2, interrupted: 130 } as const;

/** The command was used wrongly: nothing was run. `field` is the param or option at fault. */
export class UsageError extends Error {
  readonly field: string | undefined;

  constructor(message: string, field?: string, options?: ErrorOptions) {
    super(field === undefined ? message : `${field}: ${message}`, options);
    this.field = field;
  }
}

/** A param that cannot be used: the error that a host gives for one, so that callers need not care who noticed. */
export function badParam(field: string, message: string, cause?: unknown): LoomworkError {
  return new LoomworkError({ code: 'BAD_PARAMS', field, message: `${field}: ${message}` }, { cause });
}

/** Something outside failed after the command was understood: a full disk, a port that was taken. */
export class FailedError extends Error {}

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
  if (error instanceof UsageError) return EXIT.usage;
  if (error instanceof LoomworkError && (error.code === 'BAD_PARAMS' || error.code === 'UNKNOWN_KERNEL')) return EXIT.usage;
  return EXIT.failed;
}

/** The error as people read it: one sentence, then its code. The stack only where LOOMWORK_DEBUG asks for it. */
export function errorText(error: unknown, colours: Palette): string {
  const message = messageOf(error);
  const code = codeOf(error);
  const line = `${colours.red('error:')} ${message}${code === undefined ? '' : colours.dim(` [${code}]`)}`;
  if (!process.env['LOOMWORK_DEBUG'] || !(error instanceof Error)) return line;
  return `${line}\n${error.stack ?? ''}${error.cause instanceof Error ? `\ncaused by ${error.cause.stack ?? ''}` : ''}`;
}

/** The error as programs read it. */
export function errorJson(error: unknown): object {
  const { field, location, data } = error as Partial<LoomworkError>;
  return { error: { code: codeOf(error) ?? null, message: messageOf(error), ...(field !== undefined && { field }), ...(location !== undefined && { location }), ...(data !== undefined && { data }) } };
}

function codeOf(error: unknown): string | undefined {
  if (error instanceof LoomworkError) return error.code;
  if (error instanceof UsageError) return 'BAD_USAGE';
  return error instanceof DOMException && error.name === 'TimeoutError' ? 'TIMEOUT' : undefined;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The reason of a failed file operation, without Node's prefix and path. */
export function fileReason(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  switch (code) {
    case 'ENOENT':
      return 'there is no such file or directory';
    case 'EACCES':
    case 'EPERM':
      return 'permission is denied';
    case 'EISDIR':
      return 'it is a directory';
    case 'ENOTDIR':
      return 'a part of its path is not a directory';
    case 'EROFS':
      return 'the file system is read-only';
    case 'ENOSPC':
      return 'the disk is full';
    case 'ERR_FS_FILE_TOO_LARGE':
      return 'it is larger than 2 GiB';
    default:
      return message;
  }
}
