// Drives the native runner (native.rs): the same kernels on rayon, without wasm.
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { DTYPES } from './dtypes.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** What x86-64 processors may have beyond what all have, and crates look for as they run. */
const BEYOND_BASELINE = ['sse3', 'ssse3', 'sse4.1', 'sse4.2', 'popcnt', 'lzcnt', 'movbe', 'bmi1', 'bmi2', 'f16c', 'fma', 'aes', 'pclmulqdq', 'sha', 'gfni', 'vaes', 'vpclmulqdq',
  'avx', 'avx2', 'avxvnni', 'avx512f', 'avx512cd', 'avx512bw', 'avx512dq', 'avx512vl', 'avx512ifma', 'avx512vbmi', 'avx512vbmi2', 'avx512vnni', 'avx512bitalg', 'avx512vpopcntdq', 'avx512bf16', 'avx512fp16', 'avx512vp2intersect'];

/**
 * How each is compiled, and what its environment says. On x86-64, `baseline` is what every processor can do, and no more: crates that look for
 * more as they run find nothing (the standard library is compiled so that it can be told that; sha2 and blake3 look by themselves). Elsewhere it is what the
 * target has.
 */
const FLAVOURS = {
  test: { folder: 'target', profile: 'debug', cargo: ['--profile', 'test'] },
  baseline:
    process.arch === 'x64' && process.platform === 'linux'
      ? {
          folder: 'target/native-baseline',
          triple: 'x86_64-unknown-linux-gnu',
          profile: 'release',
          cargo: ['-Zbuild-std=std,panic_unwind'],
          flags: '--cfg=feature="std_detect_env_override" --cfg=sha2_backend="soft" --cfg=feature="no_avx512" --cfg=feature="no_avx2" --cfg=feature="no_sse41"',
          env: { RUST_STD_DETECT_UNSTABLE: BEYOND_BASELINE.join(' ') },
        }
      : { folder: 'target', profile: 'release' },
  cpu: { folder: 'target/native-cpu', profile: 'release', flags: '-Ctarget-cpu=native' },
};

/** As wasm's allocator does, glibc's keeps what is freed: else the operating system's finding of pages would be measured, and where it is slow native
 * code would seem so. */
const KEEPS_MEMORY = { MALLOC_MMAP_THRESHOLD_: String(2 ** 30), MALLOC_TRIM_THRESHOLD_: String(2 ** 36) };

export class Native {
  #process;
  #answers = [];
  #ended;
  #request;
  #cases = 0;
  /** Where it finds its inputs: a folder of its own, which goes with it. */
  #inputs;

  /**
   * @param {'test' | 'baseline' | 'cpu'} flavour `baseline` and `cpu` (all that this machine's processor can do) are for measuring; `test` is what
   *   `cargo test` has compiled already: the same answers
   */
  constructor(flavour, { log } = {}) {
    const { folder, triple, profile, cargo = [], flags, env: told } = FLAVOURS[flavour];
    const target = join(root, folder);
    if (profile === 'release') log?.(`compiling the native runner (${flavour}; minutes the first time)`);
    const env = { ...process.env, CARGO_TARGET_DIR: target, ...(flags && { RUSTFLAGS: flags }) };
    const args = ['build', '--quiet', ...(profile === 'release' ? ['--release'] : []), ...(triple ? ['--target', triple] : []), ...cargo, '--example', 'native'];
    execFileSync('cargo', args, { cwd: root, env, stdio: ['ignore', 'ignore', 'inherit'] });
    this.#process = spawn(join(target, triple ?? '', profile, 'examples/native'), { stdio: ['pipe', 'pipe', 'inherit'], env: { ...process.env, ...KEEPS_MEMORY, ...told } });
    this.#inputs = join(root, `target/bench/${this.#process.pid}`);
    createInterface(this.#process.stdout).on('line', (line) => this.#answers.shift()?.resolve(JSON.parse(line)));
    this.#process.on('exit', (code, signal) => {
      this.#ended = new Error(`the native runner ended with ${signal ?? `code ${code}`}`);
      for (const { reject } of this.#answers.splice(0)) reject(this.#ended);
    });
    // Of one that has ended, 'exit' tells.
    this.#process.stdin.on('error', () => {});
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
    if (this.#ended) throw this.#ended;
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
