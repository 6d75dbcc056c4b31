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
    super(message, options);
    this.code = code;
    if (field !== undefined) this.field = field;
    if (location !== undefined) this.location = location;
    if (data !== undefined) this.data = JSON.parse(data);
  }
}

/** A param or an option that cannot be used. */
export function badParams(field: string, message: string): LoomworkError {
  return new LoomworkError({ code: 'BAD_PARAMS', field, message: field === '' ? message : `${field}: ${message}` });
}

/** The text of whatever was thrown. */
export function textOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
