// The command `loomwork`: reads the command line, runs one command, and turns every failure into one sentence and an exit code.
import { Command, CommanderError } from 'commander';
import { VERSION } from '../host/entry/node.ts';
import { benchCommand } from './bench.ts';
import { buildCommand } from './build.ts';
import { demoCommand } from './demo.ts';
import { doctorCommand } from './doctor.ts';
import { errorJson, errorText, EXIT, exitCodeOf, InterruptedError } from './errors.ts';
import { kernelsCommand } from './kernels.ts';
import { newCommand } from './new.ts';
import { runCommand } from './run.ts';
import { serveCommand } from './serve.ts';
import { endWithReader, writeStderr } from './streams.ts';
import { paletteFor } from './terminal.ts';
import { testCommand } from './test.ts';
import { workerCommand } from './worker.ts';

const HELP = `
Examples:
  loomwork kernels                                       what can be run
  loomwork run hash -p data=@photo.jpg -p algorithm=blake3
  loomwork serve                                         kernels over HTTP
  loomwork new my-kernels                                a crate of your own kernels
  loomwork bench --case sort                             how fast this machine is
  loomwork doctor https://example.org/app                why a page has no threads

Set LOOMWORK_DEBUG for the stack of an error, NO_COLOR for no colours.`;

function program(): Command {
  const program = new Command('loomwork')
    .description('Runs Rust compute kernels, compiled to WebAssembly, on every core.')
    .version(VERSION, '-V, --version')
    .addHelpText('after', HELP);
  for (const command of [runCommand(), kernelsCommand(), serveCommand(), workerCommand(), newCommand(), buildCommand(), testCommand(), benchCommand(), demoCommand(), doctorCommand()]) program.addCommand(command);
  const colours = paletteFor(process.stderr);
  for (const command of [program, ...program.commands]) {
    command
      .helpOption('-h, --help', 'show this help')
      .exitOverride()
      .configureOutput({ outputError: (text, write) => write(oneSentence(text).replace(/^error:/, colours.red('error:'))) })
      .showHelpAfterError(`Try '${command === program ? 'loomwork' : `loomwork ${command.name()}`} --help'.`);
  }
  return program.helpCommand('help [command]', 'show the help of a command');
}

endWithReader();
try {
  await program().parseAsync();
} catch (error) {
  process.exitCode = await fail(error);
}
// Threads of a kernel that did not stop, or a host that was left open, must not keep the process.
process.exit();

/** Commander sets its suggestion on a line of its own. */
function oneSentence(text: string): string {
  return text.replace(/\n\(Did you mean (one of )?(.*)\?\)\n$/, ", did you mean $2?\n");
}

async function fail(error: unknown): Promise<number> {
  // Commander has written its message; help and the version are no failures.
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
  if (error instanceof InterruptedError) {
    await writeStderr(`${error.message}\n`);
    return exitCodeOf(error);
  }
  // The options of a command that failed are out of reach here.
  const text = process.argv.includes('--json') ? JSON.stringify(errorJson(error)) : errorText(error, paletteFor(process.stderr));
  await writeStderr(`${text}\n`);
  return exitCodeOf(error);
}
