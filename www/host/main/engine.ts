// What every backend is to a host: something that takes jobs and tells what happens to them.
import type { Counts } from '../shared/control.ts';
import type { JobEvent, Submission } from '../shared/protocol.ts';

/** Whom an engine tells. */
export interface EngineListener {
  event(event: JobEvent): void;
  /** The engine has stopped for good: every job inside is lost. */
  lost(reason: string): void;
}

/** A running instance. Jobs are named by the slot of their control block, which the host hands out. */
export interface Engine {
  /** The kernels of its artifact. */
  readonly kernels: readonly string[];
  /** Starts a job, moving the buffers of `transfer`. `streaming`: somebody reads its parts. */
  submit(job: Submission, transfer: ArrayBuffer[], streaming: boolean): void;
  /** Asks a running job to stop. Its end is told as an event. */
  cancel(job: { id: number; slot: number }): void;
  /** Asks a running job for its parts from now on, where that can be done. */
  stream(slot: number): void;
  /** How far a running job has come, where it can be seen without asking. */
  counts(slot: number): Counts | undefined;
  /** Whether the jobs inside keep the process alive. */
  keepAlive(keep: boolean): void;
  /** Ends it, whatever it is doing. */
  close(): Promise<void>;
}
