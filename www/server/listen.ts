// Ports: whether one can be had, and why not.
import { createServer, type AddressInfo } from 'node:net';
import { FailedError } from '../formats/errors.ts';

/**
 * The port, or a free one for 0: seen by listening there for a moment.
 *
 * @throws FailedError that says what to do
 */
export async function freePort(host: string, port: number): Promise<number> {
  const server = createServer();
  try {
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, host, resolve));
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new FailedError(`cannot listen at ${host}:${port}: ${listenReason(code, message)}`, { cause: error });
  }
  const { port: found } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return found;
}

/** Why a port cannot be had, by the error's code. */
export function listenReason(code: string | undefined, message: string): string {
  switch (code) {
    case 'EADDRINUSE':
      return 'the port is taken; choose another with --port, or leave --port out';
    case 'EACCES':
      return 'the port needs more rights; choose one above 1023';
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return 'this machine has no such address; give one of its own with --host';
    default:
      return message;
  }
}
