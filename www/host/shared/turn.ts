// The next turn of an event loop that has no setImmediate: a page's, and that of a worker of any runtime.

/** A message is not clamped to 4 ms as nested timers are. */
let turns: { callbacks: (() => void)[]; port: MessagePort } | undefined;

/** Calls back in the next turn. */
export function soon(callback: () => void): void {
  if (!turns) {
    const { port1, port2 } = new MessageChannel();
    turns = { callbacks: [], port: port2 };
    port1.onmessage = () => turns!.callbacks.shift()!();
  }
  turns.callbacks.push(callback);
  turns.port.postMessage(undefined);
}
