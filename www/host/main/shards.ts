// One round of a job that is being done in pieces: what must still be done, what has come out, and how far the job is.
import { encode } from '@msgpack/msgpack';
import type { Counts } from '../shared/control.ts';
import type { Packed, PackedArray, Round, Shard, Unit } from '../shared/protocol.ts';
import type { Task } from './engine.ts';

/** A round of a job in pieces. */
export class Pieces {
  readonly task: Task;
  readonly began: number;
  readonly #outputs: (Packed | undefined)[];
  readonly #counts: Counts[];
  /** How far the job was before, when it is done in rounds. */
  readonly #before: Counts | undefined;
  #left: number;

  constructor(task: Task, count: number, began: number, before?: Round['counts']) {
    this.task = task;
    this.began = began;
    this.#before = before;
    this.#outputs = new Array(count).fill(undefined);
    this.#counts = Array.from({ length: count }, () => ({ done: 0, total: 0 }));
    this.#left = count;
  }

  /** A piece is done; whether it was the last. */
  add(index: number, output: Packed, counts: Counts): boolean {
    this.#outputs[index] = output;
    this.#counts[index] = counts;
    this.#left -= 1;
    return this.#left === 0;
  }

  /** How far a piece has come. */
  advance(index: number, counts: Counts): void {
    this.#counts[index] = counts;
  }

  /** How far the job has come. The pieces that have not begun are taken for as large as those that have, where there is one round. */
  get counts(): Counts {
    if (this.#before) {
      const { done, total } = this.#before;
      return { done: Math.min(total, this.#counts.reduce((sum, counts) => sum + counts.done, done)), total };
    }
    const begun = this.#counts.filter(({ total }) => total > 0);
    if (begun.length === 0) return { done: 0, total: 0 };
    const done = begun.reduce((sum, counts) => sum + counts.done, 0);
    const total = begun.reduce((sum, counts) => sum + counts.total, 0);
    return { done, total: Math.round((total / begun.length) * this.#counts.length) };
  }

  /** What goes on from the outputs of the pieces, to the job's output or its next round. */
  merge(): Unit {
    const arrays: PackedArray[] = [];
    const trees = this.#outputs.map((output) => {
      const offset = arrays.length;
      arrays.push(...output!.arrays);
      return shifted(output!.tree, offset);
    });
    this.#outputs.fill(undefined);
    return { id: this.task.id, slot: 0, kernel: this.task.kernel, params: encode(trees), arrays, moved: false, what: 'merge', pieces: 0 };
  }
}

/** What does one shard. */
export function shardUnit(task: Task, { params, arrays }: Shard): Unit {
  return { id: task.id, slot: 0, kernel: task.kernel, params, arrays, moved: false, what: 'shard', pieces: 1 };
}

/** What does a task that is whole, or splits it when `pieces` are more than one. */
export function taskUnit({ id, kernel, params, inputs }: Task, pieces: number): Unit {
  return { id, slot: 0, kernel, params, arrays: inputs.arrays, moved: inputs.transfer.length > 0, what: pieces > 1 ? 'split' : 'whole', pieces };
}

/** A tree whose arrays stand `offset` places later. */
function shifted(tree: unknown, offset: number): unknown {
  if (typeof tree !== 'object' || tree === null) return tree;
  if (Array.isArray(tree)) return tree.map((item) => shifted(item, offset));
  if ('$array' in tree) return { ...tree, $array: (tree.$array as number) + offset };
  return Object.fromEntries(Object.entries(tree).map(([key, item]) => [key, shifted(item, offset)]));
}
