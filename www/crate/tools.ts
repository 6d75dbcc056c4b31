// The programs that a build runs: rustup's cargo and rustc at the pinned toolchain, and wasm-bindgen.
import { spawn, type ChildProcess } from 'node:child_process';
import { homedir } from 'node:os';
import { basename, delimiter, join } from 'node:path';
import { BuildError } from './errors.ts';

/** The toolchain that everything is compiled with (rust-toolchain.toml). */
declare const __CHANNEL__: string;
export const CHANNEL = __CHANNEL__;

/** rustup puts itself there, and not every shell has been told. */
export const PATH = [process.env['PATH'] ?? '', join(process.env['CARGO_HOME'] ?? join(homedir(), '.cargo'), 'bin')].join(delimiter);

/** Hears of each line that a tool writes on standard error. */
export type Watch = (line: string) => void;

interface ToolOptions {
  cwd?: string;
  env?: Record<string, string>;
  watch?: Watch | undefined;
}

/** The environment of a tool. The pin holds, whatever toolchain the caller is used to. */
export function toolEnv(more: Record<string, string> = {}): NodeJS.ProcessEnv {
  return { ...process.env, PATH, RUSTUP_TOOLCHAIN: CHANNEL, ...more };
}

/** What runs now: one failure ends the process, and so all of it. */
const running = new Set<ChildProcess>();
process.on('exit', () => running.forEach((child) => child.kill()));

/** Lines of cargo's that tell how far it is, and not what is wrong. */
const PROGRESS = /^\s*(Compiling|Checking|Finished|Downloaded|Downloading|Updating|Locking|Adding|Blocking|Fresh|Dirty|Running|Installing|Installed|Replacing|Replaced|Ignored|Unpacking|Building|Removing|Executable)\b/;

/**
 * Runs a program to its end.
 *
 * @returns what it wrote on standard output
 * @throws BuildError with what it wrote on standard error
 */
export function runTool(program: string, args: readonly string[], { cwd, env, watch }: ToolOptions = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd, env: toolEnv({ CARGO_TERM_COLOR: 'never', ...env }), stdio: ['ignore', 'pipe', 'pipe'] });
    running.add(child);
    let [stdout, said, rest] = ['', '', ''];
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop()!;
      for (const line of lines) {
        watch?.(line);
        if (!PROGRESS.test(line)) said += `${line}\n`;
      }
    });
    child.on('error', (error: NodeJS.ErrnoException) => {
      const reason = error.code === 'ENOENT' ? 'is missing' : `cannot be run: ${error.message}`;
      reject(new BuildError(`${program} ${reason}`, '', { cause: error }));
    });
    child.on('close', (code, signal) => {
      running.delete(child);
      if (code === 0) return resolve(stdout);
      const name = basename(program);
      const verb = name === 'cargo' || name === 'rustup' ? `${name} ${args[0]}` : name;
      reject(new BuildError(`${verb} failed (${signal ?? `exit code ${code}`})`, `${said}${rest}`.trimEnd()));
    });
  });
}
