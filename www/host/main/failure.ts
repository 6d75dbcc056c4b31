// What was thrown, as plain data for another thread or process.
import { LoomworkError, textOf, type Failure } from '../shared/errors.ts';

/** The failure that `thrown` is; anything but an error of ours is the kernel's. */
export function failureOf(thrown: unknown): Failure {
  if (!(thrown instanceof LoomworkError)) return { code: 'KERNEL_ERROR', message: textOf(thrown) };
  const { code, message, field, location, data } = thrown;
  return { code, message, ...(field !== undefined && { field }), ...(location !== undefined && { location }), ...(data !== undefined && { data: JSON.stringify(data) }) };
}
