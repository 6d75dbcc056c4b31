// One child process as its host holds it: starts it, sends it work, and hears from it, or of its end.
import { fork, type ChildProcess } from 'node:child_process';
import type { Duplex, Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { LoomworkError } from '../shared/errors.ts';
import type { Message, PackedArray } from '../shared/protocol.ts';
import { startWithin } from '../main/start.ts';
import { Carrier } from './carry.ts';
import { parentsEnd, STDIO } from './pipe.ts';
import type { FromChild, ToChild } from './protocol.ts';

/** A child with work that says nothing is asked whether it is there so often. */
const PING_MS = 2000;
/** One that does not answer so many times is ended. */
const MOST_SILENCES = 5;
/** A child that is to end by itself gets so long. */
const CLOSE_MS = 3000;
/** Of what it wrote to its standard error, so much is kept for the message of its death. */
const LAST_WORDS = 2000;

/** Whom a child tells. */
export interface SeatListener {
  message(message: Message<FromChild>): void;
  /** It has ended, unasked. */
  lost(reason: string): void;
}

/** A child that is ready for work. */
export class ProcessSeat {
  readonly kernels: readonly string[];
  /** Jobs that it runs at once. */
  readonly concurrency: number;
  readonly carrier: Carrier;
  readonly #process: ChildProcess;
  readonly #listener: SeatListener;
  readonly #exited: Promise<void>;
  #out: Message<ToChild>[] = [];
  #silences = 0;
  #busy = false;
  readonly #pings: ReturnType<typeof setInterval>;
  /** Nobody wants to hear of its end. */
  #over = false;

  /**
   * @param path of process.node.js
   * @throws LoomworkError START_FAILED
   */
  static async start(path: string | URL, open: ToChild['open'], listener: SeatListener): Promise<ProcessSeat> {
    // Flags of this process are not for its children. What they print is not this program's output.
    const child = fork(path instanceof URL ? fileURLToPath(path) : path, [], {
      serialization: 'advanced', execArgv: [], stdio: [...STDIO],
    });
    const { pipe, heard } = parentsEnd(child);
    const words = lastWordsOf(child);
    let onMessages: (messages: Message<FromChild>[]) => void = () => {};
    let onEnd: (reason: string) => void = () => {};
    child.on('message', (messages) => onMessages(messages as Message<FromChild>[]));
    child.on('error', (error) => onEnd(error.message));
    child.on('exit', (code, signal) => {
      const how = signal ? `ended by ${signal}` : `ended with code ${code}`;
      onEnd(words() ? `${how}: ${words()}` : how);
    });
    try {
      const ready = await startWithin(open.options.startTimeout, () => 'the child process', () => new Promise<FromChild['ready']>((resolve, reject) => {
        onEnd = (reason) => reject(new Error(reason));
        onMessages = ([message]) => {
          if (message?.type === 'ready') void (message.piped ? heard : Promise.resolve()).then(() => resolve(message));
          else if (message?.type === 'failed') reject(new LoomworkError(message.error));
        };
        child.send([{ type: 'open', ...open }] satisfies Message<ToChild>[]);
      }));
      if (!ready.piped) pipe?.destroy();
      const seat = new ProcessSeat(child, ready.piped ? pipe : undefined, ready, listener);
      onMessages = (messages) => seat.#heed(messages);
      onEnd = (reason) => seat.#end(reason);
      return seat;
    } catch (thrown) {
      child.kill('SIGKILL');
      throw thrown;
    }
  }

  private constructor(child: ChildProcess, pipe: Duplex | undefined, { kernels, concurrency }: FromChild['ready'], listener: SeatListener) {
    this.#process = child;
    this.kernels = kernels;
    this.concurrency = concurrency;
    this.#listener = listener;
    this.carrier = new Carrier(pipe, (bytes) => new ArrayBuffer(bytes));
    this.#exited = new Promise((resolve) => {
      child.once('exit', () => resolve());
      if (child.exitCode !== null || child.signalCode !== null) resolve();
    });
    this.#pings = setInterval(() => this.#listen(), PING_MS);
    this.#pings.unref();
  }

  /** Its process. */
  get pid(): number | undefined {
    return this.#process.pid;
  }

  /** Whether it has work, and so is to be heard of. */
  set busy(busy: boolean) {
    if (busy !== this.#busy) this.#silences = 0;
    this.#busy = busy;
  }

  run(id: number, kernel: string, params: Uint8Array, arrays: readonly PackedArray[], streaming: boolean): void {
    this.send({ type: 'run', id, kernel, params, arrays: this.carrier.pack(arrays), streaming });
  }

  /** What is sent in one turn of the caller's code goes as one message. */
  send(message: Message<ToChild>): void {
    this.#out.push(message);
    if (this.#out.length > 1) return;
    queueMicrotask(() => {
      const messages = this.#out;
      this.#out = [];
      // That it cannot be sent any more is heard of as its end.
      if (this.#process.connected) this.#process.send(messages, () => {});
    });
  }

  keepAlive(keep: boolean): void {
    const child = this.#process;
    // Bun's channel goes with its process.
    const channel = child.channel as { ref?(): void; unref?(): void } | null | undefined;
    const stderr = child.stderr as (Readable & { ref?(): void; unref?(): void }) | null;
    if (keep) {
      child.ref();
      channel?.ref?.();
    } else {
      child.unref();
      channel?.unref?.();
    }
    // Its words are read while something else keeps the process alive.
    stderr?.unref?.();
    this.carrier.keepAlive(keep);
  }

  /** Ends it at once. Its end is not told. */
  kill(): void {
    this.#over = true;
    this.#leave();
    this.#process.kill('SIGKILL');
  }

  /** Ends it at once, as if it had died. */
  fell(reason: string): void {
    this.#process.kill('SIGKILL');
    this.#end(reason);
  }

  /** Lets it end by itself; by force if it takes too long. */
  async close(): Promise<void> {
    this.#over = true;
    clearInterval(this.#pings);
    this.keepAlive(true);
    this.send({ type: 'close' });
    const timer = setTimeout(() => this.#process.kill('SIGKILL'), CLOSE_MS);
    await this.#exited;
    clearTimeout(timer);
    this.#leave();
  }

  #heed(messages: Message<FromChild>[]): void {
    this.#silences = 0;
    for (const message of messages) {
      if (this.#over) return;
      if (message.type === 'giveUp') this.#end(message.reason);
      else this.#listener.message(message);
    }
  }

  #end(reason: string): void {
    if (this.#over) return;
    this.#over = true;
    this.#leave();
    this.#listener.lost(reason);
  }

  #leave(): void {
    clearInterval(this.#pings);
    this.carrier.close();
  }

  #listen(): void {
    if (!this.#busy) return;
    this.#silences += 1;
    if (this.#silences > MOST_SILENCES) this.fell(`it did not answer for ${(MOST_SILENCES * PING_MS) / 1000} s`);
    else this.send({ type: 'ping' });
  }
}

/** The last that a child says on its standard error. */
function lastWordsOf(child: ChildProcess): () => string {
  let words = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    words = (words + text).slice(-LAST_WORDS);
  });
  return () => words.trim();
}
