// A signal in the very moment in which a command says something: whoever reads that may send one at once.

/**
 * The environment of a command that sends itself a signal as soon as it has written a text, before it goes on.
 *
 * @param {string} text
 * @param {NodeJS.Signals} signal
 */
export function signalAt(text, signal) {
  const hook = `
    const { write } = process.stdout;
    process.stdout.write = function (piece, ...more) {
      const written = write.call(this, piece, ...more);
      if (String(piece).includes(${JSON.stringify(text)})) process.kill(process.pid, ${JSON.stringify(signal)});
      return written;
    };`;
  return { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(hook)}` };
}
