// Errors as callers see them: one class, a stable code, what to do, and the facts.
// Used on both sides; a worker sends the plain Failure, the caller's thread makes the error.
import type { ErrorCode } from './generated.ts';

/** A failure on its way between threads: plain data. Made in Rust (src/error.rs) or here. */
export interface Failure {
  code: ErrorCode;
  message: string;
  field?: string;
  location?: string;
  /** The kernel's own facts, as JSON text. */
  data?: string;
}

/** Every failure but an abort (which rejects with its own reason) and a timeout (a `TimeoutError`). */
export class LoomworkError extends Error {
  override readonly name = 'LoomworkError';
  /** What went wrong, stable over releases: for code to branch on. */
  readonly code: ErrorCode;
  /** The param or option at fault, as the caller wrote it (`image.width`). */
  readonly field?: string;
  /** `file:line:column` in Rust of a panic. */
  readonly location?: string;
  /** The kernel's own facts about a `KERNEL_ERROR`. */
  readonly data?: unknown;

  constructor({ code, message, field, location, data }: Failure, options?: { cause?: unknown }) {
    super(shortened(message, 1000), options);
    this.code = code;
    if (field !== undefined) this.field = shortened(field, 200);
    if (location !== undefined) this.location = location;
    if (data !== undefined) this.data = JSON.parse(data);
  }
}

/** Without the middle of what is too long to be read: a message may quote what was given. */
function shortened(text: string, most: number): string {
  return text.length <= most ? text : `${text.slice(0, most / 2)} … ${text.slice(-most / 2)}`;
}

/** A param or an option that cannot be used. */
export function badParams(field: string, message: string): LoomworkError {
  return new LoomworkError({ code: 'BAD_PARAMS', field, message: field === '' ? message : `${field}: ${message}` });
}

/** What `read` makes of a caller's values; what their own getters and proxies throw becomes an error of ours. */
export function readable<T>(what: string, read: () => T): T {
  try {
    return read();
  } catch (thrown) {
    if (thrown instanceof LoomworkError) throw thrown;
    throw new LoomworkError({ code: 'BAD_PARAMS', message: `the ${what} cannot be read: ${textOf(thrown)}` }, { cause: thrown });
  }
}

/** The text of whatever was thrown. */
export function textOf(thrown: unknown): string {
  try {
    return thrown instanceof Error ? thrown.message : String(thrown);
  } catch {
    // An object that cannot be made text.
    return 'something that has no text';
  }
}
