// Asynchronous jobs live in one process, and any process may be asked about them: it passes the request on, over a socket of the machine.
import { request, type IncomingMessage, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { HttpProblem } from './problem.ts';

/** The socket of a process. */
export function socketOf(folder: string, processNumber: string): string {
  return process.platform === 'win32' ? `\\\\.\\pipe\\${folder.replace(/\W/g, '-')}-${processNumber}` : join(folder, `${processNumber}.sock`);
}

/**
 * Passes a request without a body on to another process, and its answer back.
 *
 * @throws HttpProblem UNKNOWN_JOB when there is no such process any more
 */
export function relay(folder: string, processNumber: string, from: IncomingMessage, to: ServerResponse): Promise<void> {
  return new Promise((resolve, reject) => {
    const { method, url, headers } = from;
    const { accept, authorization } = headers;
    // No more than these: a length, for one, would promise a body that was read here.
    const passed = { ...(accept !== undefined && { accept }), ...(authorization !== undefined && { authorization }), connection: 'close' };
    const onward = request({ socketPath: socketOf(folder, processNumber), method, path: url, headers: passed }, (answer) => {
      // These are between the two processes; those to the client are its own connection's.
      const { connection, 'keep-alive': keepAlive, 'transfer-encoding': transferEncoding, ...own } = answer.headers;
      to.writeHead(answer.statusCode!, own);
      answer.pipe(to);
      answer.on('error', () => to.destroy());
      answer.on('end', resolve);
    });
    // A client that hangs up, of events for one, hangs up there too.
    to.on('close', () => onward.destroy());
    onward.on('error', () => {
      if (to.headersSent) to.destroy();
      else reject(new HttpProblem('UNKNOWN_JOB', 'the process that had this job is gone, and its answer with it'));
      resolve();
    });
    onward.end();
  });
}
