// A single-threaded instance on the caller's own thread, of the `inline` backend: jobs are moved in, done and moved out in short steps, between
// which the event loop can go on. Where the engine can suspend wasm (JavaScript Promise Integration), it goes on within a step too, whenever the
// kernel looks at its job. All hosts of the thread share the instance.
import type { Counts } from '../shared/control.ts';
import type { JobEvent, PackedArray, Submission } from '../shared/protocol.ts';
import type { Glue, LocalExports } from './glue.ts';
import type { Instance } from './instance.ts';
import { paced } from './look.ts';

/** The one control block that is used: a step ends before another begins. */
const SLOT = 0;

/** A job on its way into the instance; whom to ask, and whom to tell. */
export interface SlicedJob extends Pick<Submission, 'id' | 'kernel' | 'params' | 'arrays'> {
  /** At most so many pieces at a time. */
  pieces: number;
  /** Whether somebody reads its parts. */
  streaming(): boolean;
  /** Whether the event loop should have its turn. */
  isDue(): boolean;
  /** Waits for a turn of the event loop. */
  turn(): Promise<void>;
  /** Whether it is still to be done. */
  isWanted(): boolean;
  /** Called now and then while a step runs: the job may be stopped from there. */
  onWay(): void;
  /** A part of it, or its end. */
  onEvent(event: JobEvent): void;
  onProgress(counts: Counts): void;
  /** It has worked for so many milliseconds. */
  onBusy(time: number): void;
}

/** The job whose step runs. */
interface Running {
  job: SlicedJob;
  /** Its end, when that comes of the step. */
  end?: JobEvent;
  /** It is one step, of which the control block tells all. */
  isWhole: boolean;
  /** Milliseconds that were the event loop's. */
  paused: number;
}

/** What engines have of JavaScript Promise Integration. */
const { Suspending, promising } = WebAssembly as unknown as {
  Suspending?: new (work: () => unknown) => unknown;
  promising?: (work: LocalExports['__loomwork_step']) => (slot: number, id: number) => Promise<number>;
};

export class SlicedInstance {
  /** To be imported by the wasm. */
  readonly look: unknown;
  #glue!: Glue;
  #instance!: Instance;
  #memory!: WebAssembly.Memory;
  #step!: (slot: number, id: number) => number | Promise<number>;
  #running: Running | undefined;
  /** Its wasm has trapped: what it would do is not to be relied on. */
  #hasTrapped = false;
  /** Ends when no step runs: what is there of one would be taken for another's. */
  #free: Promise<unknown> = Promise.resolve();

  constructor() {
    const look = paced(() => this.#look());
    this.look = Suspending && promising ? new Suspending(look) : look;
  }

  /** Takes over what imports its look. */
  open(glue: Glue, instance: Instance, exports: LocalExports): void {
    this.#glue = glue;
    this.#instance = instance;
    this.#memory = exports.memory;
    this.#step = Suspending && promising ? promising(exports.__loomwork_step) : exports.__loomwork_step;
    glue.onEvent(() => this.#takeEvents());
  }

  /**
   * Does a job; when it is not wanted any more, what is left of it is dropped.
   *
   * @throws what wasm threw when it trapped: the instance must not be used again
   */
  async run(job: SlicedJob): Promise<void> {
    try {
      await this.#run(job);
    } catch (thrown) {
      this.#hasTrapped = true;
      throw thrown;
    }
  }

  async #run(job: SlicedJob): Promise<void> {
    const begun = await this.#alone(() => this.#begin(job));
    let end = begun.end;
    while (!end) {
      if (!(await goesOn(job))) return this.#glue.forget(job.id);
      end = await this.#alone(() => this.#goOn(job, begun.isWhole));
    }
    await this.#finish(job, end);
  }

  /** Makes room for an array of a job that has not begun, under a number that no other has; its address, or 0 where there is none. */
  hold(number: number, dtype: number, length: number): number {
    return this.#hasTrapped ? 0 : this.#glue.hold(number, dtype, length);
  }

  /** Gives up an array that is held, if its job has not begun. */
  letGo(number: number): void {
    if (!this.#hasTrapped) this.#glue.letGo(number);
  }

  /** The memory that arrays are held in: another one after each time that it grows. */
  get buffer(): ArrayBuffer {
    return this.#memory.buffer;
  }

  /** Asks the step that runs to stop at its next look. */
  stop(job: number): void {
    if (this.#running?.job.id === job) this.#instance.blocks.cancel(SLOT);
  }

  /** Does something when nothing else is under way. */
  #alone<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#free.then(work);
    this.#free = done.catch(() => {});
    return done;
  }

  /** Moves a job in and begins it; its end, if it has come to that. */
  async #begin(job: SlicedJob): Promise<{ end?: JobEvent | undefined; isWhole: boolean }> {
    for (const array of job.arrays) {
      if (array.held !== undefined) {
        if (this.#glue.attachHeld(array.held)) continue;
        // It was given back: the job is not wanted any more.
        this.#glue.detach();
        return { isWhole: false };
      }
      const copies = this.#instance.movesIn(array);
      for (let moving = true; moving; ) {
        if (!(await goesOn(job))) {
          this.#glue.detach();
          return { isWhole: false };
        }
        const end = this.#attempt(job, () => {
          const { value: copy } = copies.next();
          copy?.();
          moving = copy !== undefined;
        });
        if (end) return { end, isWhole: false };
      }
    }
    let isWhole = false;
    const end = this.#attempt(job, () => {
      isWhole = !this.#glue.begin(job.id, job.kernel, job.params, job.pieces);
    });
    return { end, isWhole };
  }

  /** Does what runs no kernel; the job's end if it fails. */
  #attempt(job: SlicedJob, work: () => void): JobEvent | undefined {
    const running = this.#starts(job, false);
    const began = performance.now();
    this.#instance.attempt(job.id, SLOT, work);
    return this.#ends(running, began);
  }

  /** Does the next step of a job; its end if that was the last. */
  async #goOn(job: SlicedJob, isWhole: boolean): Promise<JobEvent | undefined> {
    if (!job.isWanted()) return undefined;
    const running = this.#starts(job, isWhole);
    const began = performance.now();
    const isOver = (await this.#step(SLOT, job.id)) === 0;
    const counts = isOver ? undefined : this.#glue.progressOf(job.id);
    if (counts) job.onProgress({ done: counts[0]!, total: counts[1]! });
    const end = this.#ends(running, began);
    // Of a job that the instance does not have no event tells, and nobody is to wait for one.
    if (isOver && !end) return { id: job.id, slot: SLOT, kind: 'failed', done: 0, total: 0, error: { code: 'KERNEL_ERROR', message: 'the instance has lost the job: run it again' } };
    return end;
  }

  #starts(job: SlicedJob, isWhole: boolean): Running {
    this.#instance.blocks.clear(SLOT, { id: job.id, streaming: job.streaming(), lend: true });
    return (this.#running = { job, isWhole, paused: 0 });
  }

  #ends(running: Running, began: number): JobEvent | undefined {
    this.#takeEvents();
    this.#running = undefined;
    running.job.onBusy(performance.now() - began - running.paused);
    return running.end;
  }

  /** The kernel that runs has looked at its job. */
  #look(): Promise<void> | undefined {
    const running = this.#running!;
    const { job } = running;
    job.onWay();
    if (running.isWhole) job.onProgress(this.#instance.blocks.counts(SLOT));
    return Suspending && promising && job.isDue() ? this.#pause(running) : undefined;
  }

  async #pause(running: Running): Promise<void> {
    const began = performance.now();
    await running.job.turn();
    running.paused += performance.now() - began;
  }

  #takeEvents(): void {
    for (const event of this.#instance.takeEvents().events) {
      if (event.kind === 'part' || event.kind === 'spoiled') this.#running!.job.onEvent(event);
      else this.#running!.end = event;
    }
  }

  /** Tells the end of a job. Its output is copied out, and freed. */
  async #finish(job: SlicedJob, end: JobEvent): Promise<void> {
    if (end.kind !== 'done') return job.onEvent(end);
    try {
      const arrays: PackedArray[] = [];
      for (const lent of end.arrays) {
        const { array, copies } = this.#instance.movesOut(lent);
        for (const copy of copies) {
          if (!(await goesOn(job))) return;
          copy();
        }
        arrays.push(array);
      }
      job.onEvent({ ...end, lent: false, arrays });
    } catch (thrown) {
      if (!(thrown instanceof RangeError)) throw thrown;
      const { id, slot, done, total } = end;
      job.onEvent({ id, slot, kind: 'failed', done, total, error: { code: 'OUT_OF_MEMORY', message: `there is no room for the output: ${thrown.message}` } });
    } finally {
      this.#glue.release(job.id);
    }
  }
}

/** Gives the event loop its turn, if that is due; whether the job is still to be done. */
async function goesOn(job: SlicedJob): Promise<boolean> {
  if (job.isWanted() && job.isDue()) await job.turn();
  return job.isWanted();
}
