// Asynchronous jobs: those that run and, for a while, those that have ended.
import { randomUUID } from 'node:crypto';
import type { KernelDescription } from '../formats/catalogue.ts';
import type { Job } from '../host/entry/node.ts';
import type { ServeOptions } from './options.ts';
import { problemOf, type Problem } from './problem.ts';

/** How often those whose time is over are looked for. */
const SWEEP_MS = 1000;

/** A job that can be asked about. */
export interface KeptJob {
  readonly id: string;
  readonly kernel: KernelDescription;
  readonly job: Job;
  readonly created: Date;
  output?: Record<string, unknown>;
  problem?: Problem;
  /** By `performance.now()`. */
  ended?: number;
  bytes: number;
  /** Who reads its parts. */
  readonly readers: Set<(part: unknown) => void>;
  /** Settles when all of its parts are told; undefined until somebody reads. */
  parts?: Promise<void>;
}

export class JobStore {
  readonly #prefix: string;
  readonly #limits: ServeOptions['kept'];
  readonly #jobs = new Map<string, KeptJob>();
  readonly #sweep: ReturnType<typeof setInterval>;

  /** @param prefix which process this is: an id begins with it */
  constructor(prefix: string, limits: ServeOptions['kept']) {
    this.#prefix = prefix;
    this.#limits = limits;
    this.#sweep = setInterval(() => this.#forgetOld(), SWEEP_MS);
    this.#sweep.unref();
  }

  /** The process that an id is of, when it looks like one. */
  static processOf(id: string): string | undefined {
    return /^(\d{1,9})-[0-9a-f]{8}-[0-9a-f-]{27}$/.exec(id)?.[1];
  }

  owns(id: string): boolean {
    return JobStore.processOf(id) === this.#prefix;
  }

  add(kernel: KernelDescription, job: Job): KeptJob {
    const kept: KeptJob = { id: `${this.#prefix}-${randomUUID()}`, kernel, job, created: new Date(), bytes: 0, readers: new Set() };
    this.#jobs.set(kept.id, kept);
    job.then(
      (output) => {
        kept.output = (output ?? {}) as Record<string, unknown>;
        kept.bytes = bytesOf(output);
        this.#end(kept);
      },
      (thrown: unknown) => {
        kept.problem = problemOf(thrown).problem;
        this.#end(kept);
      },
    );
    return kept;
  }

  get(id: string): KeptJob | undefined {
    return this.#jobs.get(id);
  }

  /** Jobs that have not ended. */
  get running(): number {
    return [...this.#jobs.values()].filter(({ ended }) => ended === undefined).length;
  }

  get size(): number {
    return this.#jobs.size;
  }

  close(): void {
    clearInterval(this.#sweep);
    for (const { job } of this.#jobs.values()) job.cancel();
    this.#jobs.clear();
  }

  #end(kept: KeptJob): void {
    kept.ended = performance.now();
    this.#forgetOld();
  }

  /** The oldest answers go first when there are too many. */
  #forgetOld(): void {
    const ended = [...this.#jobs.values()].filter((kept) => kept.ended !== undefined).sort((a, b) => a.ended! - b.ended!);
    let bytes = ended.reduce((sum, kept) => sum + kept.bytes, 0);
    let count = ended.length;
    const now = performance.now();
    for (const kept of ended) {
      // The last is kept whatever its size: somebody waits for it.
      const tooMany = count > 1 && (count > this.#limits.jobs || bytes > this.#limits.bytes);
      if (!tooMany && now - kept.ended! < this.#limits.time) break;
      this.#jobs.delete(kept.id);
      bytes -= kept.bytes;
      count -= 1;
    }
  }
}

function bytesOf(value: unknown): number {
  if (ArrayBuffer.isView(value)) return value.byteLength;
  if (typeof value !== 'object' || value === null) return 8;
  return Object.values(value).reduce((sum: number, inner) => sum + bytesOf(inner), 0);
}
