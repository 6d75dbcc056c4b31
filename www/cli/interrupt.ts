// Ctrl-C: the first asks the command to stop, the second ends it at once.
import { EXIT, InterruptedError } from './errors.ts';

export interface Interrupt {
  /** Aborted, with an InterruptedError as its reason, by the first Ctrl-C or a request to end. */
  readonly signal: AbortSignal;
  /** Leaves the signals alone from now on, so that they end the process in the ordinary way. */
  release(): void;
}

export function listenForInterrupt(): Interrupt {
  const controller = new AbortController();
  const listener = (name: 'SIGINT' | 'SIGTERM') => {
    if (controller.signal.aborted) process.exit(EXIT.interrupted);
    controller.abort(new InterruptedError(name));
  };
  process.on('SIGINT', listener).on('SIGTERM', listener);
  return {
    signal: controller.signal,
    release: () => void process.off('SIGINT', listener).off('SIGTERM', listener),
  };
}

/** Settles as `work` does, or rejects as soon as the signal is aborted. */
export async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  let abort: () => void = () => {};
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(signal.reason as Error);
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
