// The server's one port. The primary takes the connections and gives them to its processes in turn; while there is none, a bounded number of them waits.
//
// node:cluster would do the same, but a connection whose process is killed before it has said that it took it is held open there, and never answered. So
// the primary keeps its hold on each until it is told that it was taken, and lets go when the process is gone: the client sees it, and may try again.
import type { Worker } from 'node:cluster';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import type { FromProcess, ToProcess } from './protocol.ts';

/** Connections that wait while no process is there, as many as a system's own backlog holds; more are let go, and their clients see it. */
export const MOST_WAITING = 1024;

export class Door {
  readonly #server: Server;
  /** Those that take connections, the next first, each with what is on its way to it. */
  #processes: { worker: Worker; onTheWay: Map<number, Socket> }[] = [];
  #waiting: Socket[] = [];
  #handed = 0;

  constructor() {
    // Nothing is read here: the bytes are for the process.
    this.#server = createServer({ pauseOnConnect: true, noDelay: true }, (socket) => this.#hand(socket));
  }

  /**
   * @returns the port, a free one for 0
   * @throws the system's error
   */
  async open(host: string, port: number): Promise<number> {
    await new Promise<void>((resolve, reject) => this.#server.once('error', reject).listen(port, host, resolve));
    return (this.#server.address() as AddressInfo).port;
  }

  /** From now on it gets its share of the connections. */
  add(worker: Worker): void {
    const onTheWay = new Map<number, Socket>();
    this.#processes.push({ worker, onTheWay });
    worker.on('message', (message: FromProcess) => {
      if (message?.loomwork !== 'took') return;
      // Only this hold on it.
      onTheWay.get(message.id)?.destroy();
      onTheWay.delete(message.id);
    });
    worker.once('exit', () => {
      this.remove(worker);
      // Perhaps something of them was read: nobody else can go on.
      for (const socket of onTheWay.values()) socket.destroy();
    });
    for (const socket of this.#waiting.splice(0)) this.#hand(socket);
  }

  /** It gets no more; what is on its way to it comes before all that it is told later. */
  remove(worker: Worker): void {
    this.#processes = this.#processes.filter((entry) => entry.worker !== worker);
  }

  /** No connection comes in any more. */
  close(): void {
    this.#server.close();
    for (const socket of this.#waiting.splice(0)) socket.destroy();
  }

  #hand(socket: Socket): void {
    // Its client may be gone.
    socket.on('error', () => {});
    const next = this.#processes.shift();
    if (!next) return this.#wait(socket);
    this.#processes.push(next);
    this.#handed += 1;
    next.onTheWay.set(this.#handed, socket);
    next.worker.send({ loomwork: 'connection', id: this.#handed } satisfies ToProcess, socket, { keepOpen: true }, () => {});
  }

  #wait(socket: Socket): void {
    if (this.#waiting.length < MOST_WAITING) this.#waiting.push(socket);
    else socket.destroy();
  }
}
