// `loomwork doctor`: says what this runtime, or the page at a URL, lacks for threads, and how to mend it.
import { Command } from 'commander';
import { examineRuntime } from './doctor-runtime.ts';
import { examineUrl } from './doctor-url.ts';
import { EXIT } from './errors.ts';
import { listenForInterrupt, unlessAborted } from './interrupt.ts';
import { writeStdout } from './streams.ts';
import { counted, hasUnicode, paletteFor, type Palette } from './terminal.ts';

/** One thing that was looked at. */
export interface Finding {
  /** What it is: `Cross-Origin-Opener-Policy`. */
  name: string;
  ok: boolean;
  /** What was found. */
  found: string;
  /** How to mend it: a sentence, or the header line to add. */
  mend?: string;
}

export function doctorCommand(): Command {
  return new Command('doctor')
    .summary('say what this runtime or a URL lacks for threads')
    .description('Says what this runtime lacks for shared-memory threads; with a URL, what that page lacks; and how to mend it.')
    .argument('[url]', 'http or https URL of a page that uses loomwork')
    .option('--json', 'print one JSON object {subject, ok, findings}')
    .addHelpText('after', '\nExamples:\n  loomwork doctor\n  loomwork doctor http://localhost:8080/\n\nExit codes: 0 nothing lacks, 1 something does.')
    .action(async (url: string | undefined, { json }: { json?: boolean }) => {
      const interrupt = listenForInterrupt();
      const findings = await unlessAborted(url === undefined ? examineRuntime() : examineUrl(url, interrupt.signal), interrupt.signal);
      const ok = findings.every((finding) => finding.ok);
      const subject = url ?? `node ${process.version}`;
      await writeStdout(json ? `${JSON.stringify({ subject, ok, findings })}\n` : report(findings, paletteFor(process.stdout)));
      if (!ok) process.exitCode = EXIT.failed;
    });
}

function report(findings: Finding[], colours: Palette): string {
  const [yes, no] = hasUnicode() ? ['✓', '✗'] : ['ok  ', 'LACK'];
  const lines = findings.map(({ name, ok, found, mend }) => {
    const line = `${ok ? colours.green(yes!) : colours.red(no!)} ${colours.bold(name)}: ${found}`;
    return mend === undefined ? line : `${line}\n${mend.replaceAll(/^/gm, '    ')}`;
  });
  const lacks = findings.filter(({ ok }) => !ok).length;
  const verdict = lacks === 0 ? colours.green('Nothing lacks for threads.') : colours.red(`${counted(lacks, 'thing')} to mend.`);
  return `${lines.join('\n')}\n\n${verdict}\n`;
}
