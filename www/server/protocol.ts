// What the primary and the processes of the server say to each other, besides the metrics library's own messages.
import type { ServeOptions } from './options.ts';

/** From the primary to a process. */
export type ToProcess =
  | { loomwork: 'open'; options: ServeOptions; folder: string }
  /** With a socket: a client's. */
  | { loomwork: 'connection'; id: number }
  /** `reload`: another has taken its place, but what it keeps can still be asked for. */
  | { loomwork: 'stop'; why: 'end' | 'reload' }
  | { loomwork: 'metrics'; id: number; text?: string; error?: string };

/** From a process to the primary. */
export type FromProcess =
  /** It listens to messages: what was sent before is lost. */
  | { loomwork: 'hello' }
  | { loomwork: 'ready' }
  | { loomwork: 'failed'; message: string }
  /** The connection is its own now. */
  | { loomwork: 'took'; id: number }
  /** It takes no more connections, and all requests are answered. */
  | { loomwork: 'drained' }
  | { loomwork: 'metrics'; id: number };
