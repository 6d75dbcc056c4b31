// What the queue's tests share: a Redis of their own, and the command `loomwork worker` as it is built.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const command = fileURLToPath(new URL('../../pkg/bin/loomwork.js', import.meta.url));
const BOUND_MS = 20_000;

export async function until(holds, what, milliseconds = BOUND_MS) {
  for (const end = Date.now() + milliseconds; ; await sleep(10)) {
    const found = await holds();
    if (found) return found;
    if (Date.now() > end) throw new Error(`not within ${milliseconds} ms: ${what}`);
  }
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  return port;
}

/** A Redis that keeps what it has when it is killed. */
export class Redis {
  #folder = mkdtempSync(join(tmpdir(), 'loomwork-redis-'));
  #child;
  /** What ends those who use it: before it is gone itself. */
  users = [];

  static async start(t) {
    const redis = new Redis();
    redis.port = await freePort();
    redis.url = `redis://127.0.0.1:${redis.port}`;
    t.after(async () => {
      await Promise.all(redis.users.map((end) => end()));
      await redis.kill();
      rmSync(redis.#folder, { recursive: true, force: true });
    });
    await redis.start();
    return redis;
  }

  async start() {
    const file = [process.env.REDIS_SERVER, '/usr/bin/redis-server', '/usr/local/bin/redis-server'].find((path) => path && existsSync(path));
    if (!file) throw new Error('redis-server is missing: run ./build.sh setup test');
    this.#child = spawn(file, ['--port', String(this.port), '--bind', '127.0.0.1', '--dir', this.#folder, '--save', '', '--appendonly', 'yes', '--appendfsync', 'always'], { stdio: 'ignore' });
    await until(async () => {
      const socket = connect(this.port, '127.0.0.1');
      const answered = await Promise.race([once(socket, 'connect').then(() => true, () => false), sleep(200)]);
      socket.destroy();
      return answered;
    }, 'Redis listens');
  }

  get pid() {
    return this.#child.pid;
  }

  /** Ends it as a power cut does. */
  async kill() {
    if (!this.#child || this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.kill('SIGKILL');
    await once(this.#child, 'exit');
  }
}

/** A worker process. */
export class Worker {
  /** What it has said. */
  events = [];
  errors = '';
  #child;

  static async start(redis, args = []) {
    const worker = new Worker(redis, args);
    redis.users.push(() => worker.end());
    await until(() => worker.events.some(({ event }) => event === 'ready') || worker.ended, 'the worker is ready');
    if (worker.ended) throw new Error(worker.errors);
    return worker;
  }

  constructor(redis, args, env = {}) {
    this.#child = spawn(process.execPath, [command, 'worker', '--json', '--redis', redis.url, '--lock', '1500', ...args], { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
    this.exited = once(this.#child, 'exit');
    createInterface({ input: this.#child.stdout }).on('line', (line) => this.events.push(JSON.parse(line)));
    this.#child.stderr.on('data', (data) => {
      this.errors += data;
    });
  }

  get ended() {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** Jobs, or shards of them, that it has ended. */
  get ends() {
    return this.events.filter(({ event }) => event === 'end');
  }

  kill(signal = 'SIGKILL') {
    this.#child.kill(signal);
  }

  async end() {
    if (this.ended) return this.#child.exitCode;
    this.kill('SIGTERM');
    const timer = setTimeout(() => this.kill('SIGKILL'), BOUND_MS);
    const [code] = await this.exited;
    clearTimeout(timer);
    return code;
  }
}
