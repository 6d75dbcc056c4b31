// A single-threaded instance on the caller's own thread, of the `inline` backend: jobs are moved in, done and moved out in short steps, between
// which the event loop can go on. All hosts of the thread share it.
import type { Counts } from '../shared/control.ts';
import type { JobEvent, PackedArray, Submission } from '../shared/protocol.ts';
import type { Glue } from './glue.ts';
import type { Instance } from './instance.ts';

/** The one control block that is used: a step ends before another begins. */
const SLOT = 0;

/** A job on its way into the instance; whom to ask, and whom to tell. */
export interface SlicedJob extends Pick<Submission, 'id' | 'kernel' | 'params' | 'arrays'> {
  /** At most so many pieces at a time. */
  pieces: number;
  /** Whether somebody reads its parts. */
  streaming(): boolean;
  /** Waits for a turn of the event loop, if that is due; whether the job is still wanted. */
  goesOn(): Promise<boolean>;
  /** Called now and then while a step runs: the job may be stopped from there. */
  onWay(): void;
  /** A part of it, or its end. */
  onEvent(event: JobEvent): void;
  onProgress(counts: Counts): void;
  /** A step took so many milliseconds. */
  onBusy(time: number): void;
}

/** The job whose step runs, and its end, when that comes of the step. */
interface Running {
  job: SlicedJob;
  end?: JobEvent;
}

export class SlicedInstance {
  readonly #glue: Glue;
  readonly #instance: Instance;
  #running: Running | undefined;
  /** Ends when no job is being moved in: what is there of one would be taken for another's. */
  #free: Promise<unknown> = Promise.resolve();

  constructor(glue: Glue, instance: Instance) {
    this.#glue = glue;
    this.#instance = instance;
    glue.onEvent(() => {
      this.#takeEvents();
      this.#running?.job.onWay();
    });
  }

  /**
   * Does a job; when it is not wanted any more, what is left of it is dropped.
   *
   * @throws what wasm threw when it trapped: the instance must not be used again
   */
  async run(job: SlicedJob): Promise<void> {
    const begun = this.#free.then(() => this.#begin(job));
    this.#free = begun.catch(() => {});
    let end = await begun;
    while (!end) {
      if (!(await job.goesOn())) return this.#glue.forget(job.id);
      end = this.#step(job, () => {
        const counts = this.#glue.step(SLOT, job.id);
        if (counts) job.onProgress({ done: counts[0]!, total: counts[1]! });
      });
    }
    await this.#finish(job, end);
  }

  /** Asks the step that runs to stop at its next check: for whoever is called on the way. */
  stop(): void {
    if (this.#running) this.#instance.blocks.cancel(SLOT);
  }

  /** Moves a job in and begins it; its end, if it has come to that. */
  async #begin(job: SlicedJob): Promise<JobEvent | undefined> {
    for (const array of job.arrays) {
      const copies = this.#instance.movesIn(array);
      for (let moving = true; moving; ) {
        if (!(await job.goesOn())) {
          this.#glue.detach();
          return undefined;
        }
        const end = this.#step(job, () => {
          const { value: copy } = copies.next();
          copy?.();
          moving = copy !== undefined;
        });
        if (end) return end;
      }
    }
    return this.#step(job, () => void this.#glue.begin(SLOT, job.id, job.kernel, job.params, job.pieces));
  }

  #step(job: SlicedJob, work: () => void): JobEvent | undefined {
    const began = performance.now();
    this.#instance.blocks.clear(SLOT, { id: job.id, streaming: job.streaming(), lend: true });
    const running: Running = { job };
    this.#running = running;
    this.#instance.attempt(job.id, SLOT, work);
    this.#takeEvents();
    this.#running = undefined;
    job.onBusy(performance.now() - began);
    return running.end;
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
          if (!(await job.goesOn())) return;
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
