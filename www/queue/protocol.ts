// What who sends jobs and who takes them say to each other through the queue.
import type { Counts } from '../host/shared/control.ts';
import type { Failure } from '../host/shared/errors.ts';
import { PREFIX } from './connection.ts';
import type { ArrayRef } from './store.ts';

/** A job in the queue: a task's whole, or one of its shards. */
export interface UnitData {
  version: string;
  kernel: string;
  /** Whose it is: all shards of a task have the same. */
  task: string;
  /** Which shard, or -1. */
  index: number;
  /** MessagePack as base64, with the arrays taken out. */
  params: string;
  arrays: ArrayRef[];
  /** Somebody reads its parts. */
  streaming: boolean;
  /** Seconds for which what it gives is kept. */
  keep: number;
}

/** The job that waits for a task's shards, and gives what they gave. */
export interface GatherData {
  gather: number;
  task: string;
}

/** What a unit gives. Times in milliseconds since 1970. */
export interface UnitResult extends Counts {
  index: number;
  /** The output's tree: MessagePack as base64. */
  tree: string;
  arrays: ArrayRef[];
  started: number;
  ended: number;
  retries: number;
  /** Parts that it has sent. */
  parts: number;
}

/** Progress of a unit, as it runs. */
export interface UnitProgress extends Counts {
  began: number;
}

/** A part, as an entry of the task's stream. */
export interface PartEntry {
  number: number;
  tree: string;
  arrays: ArrayRef[];
}

/** What a worker says of itself. */
export interface WorkerCard {
  version: string;
  kernels: readonly string[];
  machine: string;
  /** Jobs that it runs at once. */
  concurrency: number;
  threads: number;
}

/** Jobs that wait for others have this name. */
export const GATHER = 'gather';

/** Names of Redis' keys besides those of the queue's library. */
export const keys = {
  array: (queue: string, unit: string, index: number) => `${PREFIX}:${queue}:array:${unit}:${index}`,
  cancelled: (queue: string, task: string) => `${PREFIX}:${queue}:cancelled:${task}`,
  cancels: (queue: string) => `${PREFIX}:${queue}:cancels`,
  parts: (queue: string, task: string) => `${PREFIX}:${queue}:parts:${task}`,
  worker: (queue: string, id: string) => `${PREFIX}:${queue}:worker:${id}`,
};

/** A failure as the reason of a job that has failed: text. */
export function reasonOf(failure: Failure): string {
  return JSON.stringify(failure);
}

/** The failure that a reason tells of. */
export function failureIn(reason: string): Failure {
  try {
    const failure = JSON.parse(reason) as Partial<Failure>;
    if (typeof failure.code === 'string' && typeof failure.message === 'string') return failure as Failure;
  } catch {
    // The library's own words.
  }
  if (/stalled more than/.test(reason)) return { code: 'PROCESS_LOST', message: 'each worker that ran the job was lost: it is not run again' };
  return { code: 'QUEUE_LOST', message: `the queue gave the job up: ${reason}` };
}
