// Starting a worker and waiting for its first answers, with a bound: whatever goes wrong ends in START_FAILED and never in a hang.
import { LoomworkError, textOf } from '../shared/errors.ts';
import type { FromWorker, Message } from '../shared/protocol.ts';
import type { Assets } from '../runtime/assets.ts';
import type { Runtime, WorkerHandle } from '../runtime/runtime.ts';

/** Why a worker was lost: its wasm trapped, while it served job `id` if it says so; or it just ended. */
export interface Fault {
  trap: boolean;
  /** Another thread of the instance had trapped before. */
  aftermath?: boolean;
  id?: number;
  /** Where in the wasm. */
  stack?: string;
}

/** The thread that trapped first is waited for so long: on a busy machine it takes a while to say where it was. */
export const AFTERMATH_MS = 500;

/** A worker during its start: its messages can be awaited; later they go to whoever takes over. */
export class StartingWorker {
  readonly handle: WorkerHandle;
  #waiting: { type: keyof FromWorker; resolve: (message: never) => void; reject: (error: Error) => void } | undefined;
  #onMessage: ((message: Message<FromWorker>) => void) | undefined;
  #onLost: ((reason: string, fault: Fault) => void) | undefined;
  #lost: { reason: string; fault: Fault } | undefined;

  constructor(runtime: Runtime, assets: Assets, name: string) {
    this.handle = runtime.spawn(name, assets, {
      message: (message) => {
        // Whoever did trap is about to say so, and is the one to blame.
        if (message.type === 'lost' && message.aftermath) setTimeout(() => this.#fail(message.message, { trap: false, aftermath: true }), AFTERMATH_MS);
        else if (message.type === 'lost') this.#fail(message.message, { trap: message.trap === true, ...(message.id !== undefined && { id: message.id }), ...(message.stack && { stack: message.stack }) });
        else if (this.#waiting?.type === message.type) {
          const { resolve } = this.#waiting;
          this.#waiting = undefined;
          resolve(message as never);
        } else this.#onMessage?.(message);
      },
      lost: (reason) => this.#fail(reason, { trap: false }),
    });
  }

  /** The next message of a type. */
  next<Type extends keyof FromWorker>(type: Type): Promise<FromWorker[Type]> {
    if (this.#lost !== undefined) return Promise.reject(new Error(this.#lost.reason));
    return new Promise((resolve, reject) => {
      this.#waiting = { type, resolve, reject };
    });
  }

  /** From now on messages, and the news of its end, go to these. */
  handOver(onMessage: (message: Message<FromWorker>) => void, onLost: (reason: string, fault: Fault) => void): WorkerHandle {
    this.#onMessage = onMessage;
    this.#onLost = onLost;
    if (this.#lost !== undefined) onLost(this.#lost.reason, this.#lost.fault);
    return this.handle;
  }

  #fail(reason: string, fault: Fault): void {
    this.#lost ??= { reason, fault };
    this.#waiting?.reject(new Error(reason));
    this.#waiting = undefined;
    this.#onLost?.(reason, fault);
  }
}

/**
 * Runs a start under a bound.
 *
 * @param stage tells what is being waited for, for the message when the time is up
 * @throws LoomworkError START_FAILED
 */
export async function startWithin<T>(timeout: number, stage: () => string, start: () => Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const bound = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${timeout} ms`)), timeout);
  });
  try {
    return await Promise.race([start(), bound]);
  } catch (thrown) {
    if (thrown instanceof LoomworkError) throw thrown;
    throw new LoomworkError({ code: 'START_FAILED', message: `${stage()}: ${textOf(thrown)}` }, { cause: thrown });
  } finally {
    clearTimeout(timer);
  }
}

/** A worker that fails during its start mostly has a file that cannot be loaded: say which and why. */
export async function diagnosed<T>(runtime: Runtime, assets: Assets, answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (thrown) {
    throw new Error(`${textOf(thrown)}; ${await runtime.diagnoseWorker(assets)}`, { cause: thrown });
  }
}
