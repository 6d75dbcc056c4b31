// What goes wrong with values and files outside of JavaScript.
import { LoomworkError } from '../host/entry/node.ts';

/** A command was used wrongly: nothing was run. `field` is the param or option at fault. */
export class UsageError extends Error {
  /** What tells one: the command and the server are bundled apart, each with a class of its own. */
  override readonly name = 'UsageError';
  readonly field: string | undefined;

  constructor(message: string, field?: string, options?: ErrorOptions) {
    super(field === undefined ? message : `${field}: ${message}`, options);
    this.field = field;
  }
}

export function isUsageError(error: unknown): error is UsageError {
  return error instanceof Error && error.name === 'UsageError';
}

/** A param that cannot be used: the error that a host gives for one, so that callers need not care who noticed. */
export function badParam(field: string, message: string, cause?: unknown): LoomworkError {
  return new LoomworkError({ code: 'BAD_PARAMS', field, message: `${field}: ${message}` }, { cause });
}

/** Something outside failed after the command was understood: a full disk, a port that was taken. */
export class FailedError extends Error {}

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
