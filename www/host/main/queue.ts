// The jobs that wait: higher priority first, callers of one priority in turn, and nobody for ever.

/** What the queue must know of a job. */
export interface Queued {
  readonly priority: number;
  /** Who asked for it; callers take turns. */
  readonly caller: string;
  /** When it came, in milliseconds. */
  readonly created: number;
  /** Cleared to take it out: it is skipped when its turn comes. */
  waiting: boolean;
}

/** First in, first out, without moving what stays. */
class Fifo<T> {
  #items: T[] = [];
  #head = 0;

  get first(): T | undefined {
    return this.#items[this.#head];
  }

  push(item: T): void {
    this.#items.push(item);
  }

  unshift(item: T): void {
    if (this.#head > 0) this.#items[(this.#head -= 1)] = item;
    else this.#items.unshift(item);
  }

  shift(): void {
    this.#items[this.#head] = undefined as T;
    this.#head += 1;
    if (this.#head > 1024 && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
  }
}

/** One priority: callers in the order of their turns. */
type Level<T> = Map<string, Fifo<T>>;

export class JobQueue<T extends Queued> {
  readonly #levels = new Map<number, Level<T>>();
  /** Milliseconds of waiting that are worth one step of priority. */
  readonly #aging: number;
  #size = 0;

  constructor(aging: number) {
    this.#aging = aging;
  }

  /** Jobs that wait. */
  get size(): number {
    return this.#size;
  }

  push(job: T): void {
    this.#enter(job).push(job);
  }

  /** Puts a job back that was taken too early: it is the next of its caller. */
  unshift(job: T): void {
    this.#enter(job).unshift(job);
  }

  /** Takes a job out, wherever it stands. */
  remove(job: T): void {
    if (!job.waiting) return;
    job.waiting = false;
    this.#size -= 1;
  }

  /** The job whose turn it is, without taking it. */
  peek(now: number): T | undefined {
    return this.#next(now)?.job;
  }

  /** Takes the job whose turn it is. */
  shift(now: number): T | undefined {
    const next = this.#next(now);
    if (!next) return undefined;
    const { job, priority, level } = next;
    const fifo = level.get(job.caller)!;
    fifo.shift();
    this.remove(job);
    // Its caller's next turn comes after everybody else's.
    level.delete(job.caller);
    if (fifo.first) level.set(job.caller, fifo);
    else if (level.size === 0) this.#levels.delete(priority);
    return job;
  }

  /** Takes all of them. */
  drain(): T[] {
    const all: T[] = [];
    for (const level of this.#levels.values()) {
      for (const fifo of level.values()) {
        for (let job = fifo.first; job; job = fifo.first) {
          if (job.waiting) all.push(job);
          job.waiting = false;
          fifo.shift();
        }
      }
    }
    this.#levels.clear();
    this.#size = 0;
    return all;
  }

  #enter(job: T): Fifo<T> {
    job.waiting = true;
    this.#size += 1;
    let level = this.#levels.get(job.priority);
    if (!level) this.#levels.set(job.priority, (level = new Map()));
    let fifo = level.get(job.caller);
    if (!fifo) level.set(job.caller, (fifo = new Fifo()));
    return fifo;
  }

  #next(now: number): { job: T; priority: number; level: Level<T> } | undefined {
    let best: { job: T; priority: number; level: Level<T>; rank: number } | undefined;
    for (const [priority, level] of this.#levels) {
      const job = firstWaiting(level);
      if (!job) {
        this.#levels.delete(priority);
        continue;
      }
      const rank = priority + (now - job.created) / this.#aging;
      if (!best || rank > best.rank) best = { job, priority, level, rank };
    }
    return best;
  }
}

/** The job whose turn it is in a level; those that were taken out are dropped on the way. */
function firstWaiting<T extends Queued>(level: Level<T>): T | undefined {
  for (const [caller, fifo] of level) {
    while (fifo.first && !fifo.first.waiting) fifo.shift();
    if (fifo.first) return fifo.first;
    level.delete(caller);
  }
  return undefined;
}
