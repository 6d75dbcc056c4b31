// What any worker does first: it becomes what it is told to be. One file serves as coordinator, lane and thread.
import { textOf } from '../shared/errors.ts';
import type { Message, Port, ToWorker } from '../shared/protocol.ts';
import { coordinate } from './coordinator.ts';
import { runLane, runThread } from './lane.ts';

/** Serves the caller's thread at the other end of `port`. */
export function serve(port: Port): void {
  let heed: ((message: Message<ToWorker>) => void) | undefined;
  port.onMessage((message) => {
    try {
      switch (message.type) {
        case 'coordinate':
          heed = coordinate(port, message);
          break;
        case 'lane':
          runLane(port, message);
          break;
        case 'thread':
          runThread(port, message);
          break;
        default:
          heed?.(message);
      }
    } catch (thrown) {
      port.post({ type: 'lost', message: textOf(thrown) });
    }
  });
}
