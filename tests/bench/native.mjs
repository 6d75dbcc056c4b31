// Drives the native runner (native.rs): the same kernels on rayon, without wasm.
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { DTYPES } from './dtypes.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));

export class Native {
  #process;
  #answers = [];
  #request;
  #cases = 0;
  /** Where it finds its inputs: a folder of its own, which goes with it. */
  #inputs;

  /**
   * @param {{ fast?: boolean, cpu?: boolean, log?: (line: string) => void }} options
   *   fast: as fast as can be, for measuring; else what `cargo test` has compiled already: the same answers
   *   cpu: compiled for all that this machine's processor can do, in a folder of its own
   */
  constructor({ fast = true, cpu = false, log } = {}) {
    const target = join(root, cpu ? 'target/native-cpu' : 'target');
    if (cpu) log?.('compiling the native runner for this processor (minutes the first time; --no-native-cpu leaves it out)');
    const env = { ...process.env, CARGO_TARGET_DIR: target, ...(cpu && { RUSTFLAGS: '-Ctarget-cpu=native' }) };
    execFileSync('cargo', ['build', '--quiet', ...(fast ? ['--release'] : []), '--example', 'native'], { cwd: root, env, stdio: ['ignore', 'ignore', 'inherit'] });
    this.#process = spawn(join(target, fast ? 'release' : 'debug', 'examples/native'), { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#inputs = join(root, `target/bench/${this.#process.pid}`);
    createInterface(this.#process.stdout).on('line', (line) => this.#answers.shift()?.resolve(JSON.parse(line)));
    this.#process.on('exit', (code) => this.#answers.forEach(({ reject }) => reject(new Error(`the native runner ended with code ${code}`))));
  }

  /** The kernel and params of the runs that follow. */
  setCase(kernel, params) {
    rmSync(this.#inputs, { recursive: true, force: true });
    mkdirSync(this.#inputs, { recursive: true });
    const arrays = [];
    const tree = JSON.parse(JSON.stringify(params, (_, value) => {
      if (!ArrayBuffer.isView(value)) return value;
      const path = join(this.#inputs, `${this.#cases}-${arrays.length}.bin`);
      writeFileSync(path, new Uint8Array(value.buffer, value.byteOffset, value.byteLength));
      arrays.push({ dtype: DTYPES.find(({ js }) => js === value[Symbol.toStringTag]).name, path });
      return { $array: arrays.length - 1 };
    }));
    this.#cases += 1;
    this.#request = { kernel, params: tree, arrays };
  }

  async run(threads) {
    const answer = await new Promise((resolve, reject) => {
      this.#answers.push({ resolve, reject });
      this.#process.stdin.write(`${JSON.stringify({ ...this.#request, threads })}\n`);
    });
    if (answer.error) throw new Error(`native ${this.#request.kernel}: ${answer.error}`);
    return answer;
  }

  close() {
    this.#answers = [];
    this.#process.stdin.end();
    rmSync(this.#inputs, { recursive: true, force: true });
  }
}
