// Standard output and error: written to their end, and quiet when the reader has gone.
import { EXIT } from './errors.ts';
import { fileReason } from '../formats/errors.ts';

/** Makes the process end quietly when whoever reads its output has closed it, as `head` does. */
export function endWithReader(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE') process.exit(EXIT.done);
      if (stream === process.stdout) process.stderr.write(`error: standard output cannot be written: ${fileReason(error)}\n`);
      process.exit(EXIT.failed);
    });
  }
}

/** Resolves when everything has been handed over. */
export async function writeStdout(pieces: string | Iterable<Uint8Array | string>): Promise<void> {
  await writeStream(process.stdout, typeof pieces === 'string' ? [pieces] : pieces);
}

export async function writeStderr(text: string): Promise<void> {
  await writeStream(process.stderr, [text]);
}

async function writeStream(stream: NodeJS.WriteStream, pieces: Iterable<Uint8Array | string>): Promise<void> {
  for (const piece of pieces) {
    // An error is told to the stream's listener too, which knows what to do.
    await new Promise<void>((resolve) => stream.write(piece, () => resolve()));
  }
}
