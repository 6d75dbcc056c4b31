// What the server's tests share: the command `loomwork serve` as it is built, on a free port of this machine.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const command = fileURLToPath(new URL('../../pkg/bin/loomwork.js', import.meta.url));
export const photo = readFileSync(new URL('../data/hubble_deep_field.jpg', import.meta.url));
export const view = { width: 40, height: 30, centerX: -0.5, centerY: 0, span: 3, maxIterations: 200 };
/** One that lasts until it is cancelled. */
export const endless = { width: 4000, height: 4000, centerX: -0.75, centerY: 0, span: 1e-7, maxIterations: 4_000_000_000 };
/** A server has so long to start, and to end. */
const BOUND_MS = 20_000;

/** A server that runs. */
export class Server {
  /** What it has logged, but for requests. */
  logs = [];
  #child;
  #errors = '';

  /** Starts it, and ends it after the test. */
  static async start(t, args = [], env = {}) {
    const server = new Server(['--port', '0', ...args], env);
    t.after(() => server.end());
    await server.until(({ msg }) => msg === 'serving');
    server.url = server.logs.find(({ msg }) => msg === 'serving').url;
    return server;
  }

  constructor(args, env) {
    this.#child = spawn(process.execPath, [command, 'serve', '--json', ...args], { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
    this.exited = once(this.#child, 'exit');
    createInterface({ input: this.#child.stdout }).on('line', (line) => {
      const entry = JSON.parse(line);
      if (entry.msg !== 'request') this.logs.push(entry);
    });
    this.#child.stderr.on('data', (data) => {
      this.#errors += data;
    });
  }

  get errors() {
    return this.#errors;
  }

  get pid() {
    return this.#child.pid;
  }

  get ended() {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** Process numbers of those that serve, as it has said. */
  get processes() {
    const lost = new Set(this.logs.filter(({ msg }) => /was lost/.test(msg)).map(({ pid }) => pid));
    return this.logs.filter(({ msg, pid }) => msg === 'a process serves' && !lost.has(pid)).map(({ pid }) => pid);
  }

  /** Waits for a line of its log. */
  async until(holds, from = 0) {
    for (const end = Date.now() + BOUND_MS; ; await sleep(10)) {
      const found = this.logs.slice(from).find(holds);
      if (found) return found;
      if (this.ended) throw new Error(`the server has ended: ${this.#errors}`);
      if (Date.now() > end) throw new Error(`the server did not say so within ${BOUND_MS} ms: ${JSON.stringify(this.logs.slice(-5))} ${this.#errors}`);
    }
  }

  kill(signal) {
    this.#child.kill(signal);
  }

  /** Ends it as a service manager does; answers its exit code. */
  async end() {
    if (!this.ended) this.kill('SIGTERM');
    const timer = setTimeout(() => this.kill('SIGKILL'), BOUND_MS);
    const [code] = this.ended ? [this.#child.exitCode] : await this.exited;
    clearTimeout(timer);
    return code;
  }

  fetch(path, options) {
    return fetch(`${this.url}${path}`, options);
  }

  /** Runs a job by JSON. */
  post(kernel, params, headers = {}) {
    return this.fetch(`/v1/jobs/${kernel}`, { method: 'POST', body: JSON.stringify(params), headers: { 'content-type': 'application/json', ...headers } });
  }
}

/** `a=1&b=2` */
export function query(params) {
  return new URLSearchParams(Object.entries(params).map(([key, value]) => [key, String(value)])).toString();
}

/** Events of a stream, as they come. */
export async function* eventsOf(response) {
  let text = '';
  for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      const [, event, data] = /^event: (\w+)\ndata: (.*)$/s.exec(text.slice(0, end)) ?? [];
      text = text.slice(end + 2);
      if (event) yield { event, data: JSON.parse(data) };
    }
  }
}
