// What any worker does first: it becomes what it is told to be. One file serves as coordinator and as thread.
import { textOf } from '../shared/errors.ts';
import type { Port, Submission } from '../shared/protocol.ts';
import { coordinate } from './coordinator.ts';
import { runThread } from './thread.ts';

/** Serves the caller's thread at the other end of `port`. */
export function serve(port: Port): void {
  let run: ((job: Submission) => void) | undefined;
  let threadsAreReady: () => void = () => {};
  const threadsReady = new Promise<void>((resolve) => {
    threadsAreReady = resolve;
  });

  port.onMessage((message) => {
    switch (message.type) {
      case 'coordinate':
        coordinate(port, message, threadsReady).then(
          (runner) => {
            run = runner;
          },
          (thrown: unknown) => port.post({ type: 'lost', message: textOf(thrown) }),
        );
        break;
      case 'thread':
        try {
          runThread(port, message);
        } catch (thrown) {
          port.post({ type: 'lost', message: textOf(thrown) });
        }
        break;
      case 'threadsReady':
        threadsAreReady();
        break;
      case 'run':
        run?.(message);
    }
  });
}
