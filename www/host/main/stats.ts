// What a host has done: counters, histograms and the latest jobs, for `host.stats()` and `host.trace()`.
import { Histogram, type TimesSummary } from './histogram.ts';
import type { Span } from './diary.ts';
import type { JobState } from './job.ts';
import { MAX_THREADS } from './options.ts';

/** A lane's work so far. */
export interface LaneStats {
  threads: number;
  jobs: number;
  /** Milliseconds spent on jobs. */
  busy: number;
}

/** What a host has done since it was created. Times are in milliseconds. */
export interface HostStats {
  /** Jobs that wait. */
  queued: number;
  /** Jobs inside an instance. */
  running: number;
  done: number;
  failed: number;
  cancelled: number;
  /** Times that a job ran again because its instance was lost. */
  retries: number;
  /** Instances (or workers) that were replaced. */
  restarts: number;
  /** Bytes of arrays given to kernels, and got from them. */
  bytesIn: number;
  bytesOut: number;
  /** From `run` to the answer, of jobs that are done. */
  latency: TimesSummary;
  /** Inside the kernel, of jobs that are done. */
  runTime: TimesSummary;
  /**
   * Each lane (or worker) of the present instance: how many threads it has, jobs that it has run, the share of time that it had a job, and
   * the share that each of its threads worked. The first thread has the job for as long as the lane; of the others it is known from
   * the kernel's checks, so a gap under 2 ms counts as work.
   */
  lanes: { threads: number; jobs: number; utilization: number; threadUtilization: number[] }[];
}

/** An event of the Chrome trace format; times are in microseconds. */
export interface TraceEvent {
  name: string;
  cat: string;
  ph: 'X' | 'M' | 'i' | 'b' | 'e';
  ts: number;
  dur?: number;
  pid: number;
  tid: number;
  id?: number;
  s?: 'g';
  args?: Record<string, unknown>;
}

/** The last so many jobs, in the JSON of Chrome's trace viewer: opens in Perfetto (ui.perfetto.dev). */
export interface Trace {
  traceEvents: TraceEvent[];
  displayTimeUnit: 'ms';
}

/** The states in which a job is remembered. */
const STATES: readonly JobState[] = ['done', 'failed', 'cancelled'];

/** Rows of numbers, without an object for each: columns that begin again at the top when they are full. */
class Columns<Name extends string> {
  readonly most: number;
  readonly #columns: (readonly [Name, Float64Array])[];
  #count = 0;

  constructor(most: number, names: readonly Name[]) {
    this.most = most;
    this.#columns = names.map((name) => [name, new Float64Array(most)]);
  }

  /** @param row a number for each column, in order */
  add(...row: number[]): void {
    const at = this.#count % this.most;
    this.#count += 1;
    for (let column = 0; column < row.length; column += 1) this.#columns[column]![1][at] = row[column]!;
  }

  /** Oldest first. */
  all(): Record<Name, number>[] {
    const length = Math.min(this.#count, this.most);
    return Array.from({ length }, (_, index) => {
      const at = (this.#count - length + index) % this.most;
      return Object.fromEntries(this.#columns.map(([name, column]) => [name, column[at]!])) as Record<Name, number>;
    });
  }
}

/** What is remembered of a job. Times are by `performance.now()`, -1 for never. */
const RECORD = ['id', 'kernel', 'state', 'created', 'started', 'ended', 'heard', 'lane', 'retries'] as const;

/** What is remembered of a thread's work. Times are in milliseconds since 1970. */
const WORK = ['job', 'lane', 'thread', 'from', 'to'] as const;

/** Spans that are remembered for each job that is: few jobs are long enough to have any, and those have some for each thread. */
const SPANS_PER_JOB = 2;

export class Stats {
  done = 0;
  failed = 0;
  cancelled = 0;
  retries = 0;
  restarts = 0;
  bytesIn = 0;
  bytesOut = 0;
  readonly #latency = new Histogram();
  readonly #runTime = new Histogram();
  readonly #records: Columns<(typeof RECORD)[number]>;
  readonly #spans: Columns<(typeof WORK)[number]>;
  readonly #kernels: string[] = [];
  readonly #kernelNumbers = new Map<string, number>();
  /** Milliseconds that the threads of each lane worked, but for the lane's own. */
  #worked: number[][] = [];
  readonly #incidents: { name: string; at: number; args: Record<string, unknown> }[] = [];
  #since = performance.now();

  /** @param most jobs that are remembered */
  constructor(most: number) {
    this.#records = new Columns(most, RECORD);
    this.#spans = new Columns(SPANS_PER_JOB * most, WORK);
  }

  /** A job was answered with its output. */
  times(latency: number, runTime: number): void {
    this.#latency.add(latency);
    this.#runTime.add(Math.max(0, runTime));
  }

  /** Remembers the end of a job for the trace. */
  remember(id: number, kernel: string, state: JobState, created: number, started: number, ended: number, heard: number, lane: number, retries: number): void {
    if (this.#records.most === 0) return;
    let number = this.#kernelNumbers.get(kernel);
    if (number === undefined) {
      number = this.#kernels.push(kernel) - 1;
      this.#kernelNumbers.set(kernel, number);
    }
    this.#records.add(id, number, STATES.indexOf(state), created, started, ended, heard, lane, retries);
  }

  /** A thread worked; `present`: one of the lanes that are in use. */
  busy({ job, lane, thread, from, to }: Span, present: boolean): void {
    if (present) {
      const worked = (this.#worked[lane] ??= []);
      worked[thread] = (worked[thread] ?? 0) + to - from;
    }
    if (this.#spans.most > 0) this.#spans.add(job, lane, thread, from, to);
  }

  /** Something happened to the host itself. */
  incident(name: string, args: Record<string, unknown>): void {
    if (this.#incidents.length >= 1000) this.#incidents.shift();
    this.#incidents.push({ name, at: performance.timeOrigin + performance.now(), args });
  }

  /** The lanes are new ones. */
  newLanes(): void {
    this.#since = performance.now();
    this.#worked = [];
  }

  summary(queued: number, running: number, lanes: LaneStats[]): HostStats {
    const { done, failed, cancelled, retries, restarts, bytesIn, bytesOut } = this;
    const elapsed = Math.max(1e-3, performance.now() - this.#since);
    const share = (busy = 0) => Math.min(1, busy / elapsed);
    return {
      queued, running, done, failed, cancelled, retries, restarts, bytesIn, bytesOut,
      latency: this.#latency.summary,
      runTime: this.#runTime.summary,
      lanes: lanes.map(({ threads, jobs, busy }, lane) => {
        const threadUtilization = Array.from({ length: threads }, (_, thread) => share(thread === 0 ? busy : this.#worked[lane]?.[thread]));
        return { threads, jobs, utilization: share(busy), threadUtilization };
      }),
    };
  }

  /** @param lanes those in use, with all their threads */
  trace(lanes: LaneStats[]): Trace {
    const records = this.#records.all();
    const spans = this.#spans.all();
    const pid = 1;
    const rows = new Map<number, string>([[0, 'host']]);
    const row = (lane: number, thread: number) => {
      const tid = 1 + lane * MAX_THREADS + thread;
      rows.set(tid, `lane ${lane + 1}, thread ${thread + 1}`);
      return tid;
    };
    lanes.forEach(({ threads }, lane) => {
      for (let thread = 0; thread < threads; thread += 1) row(lane, thread);
    });
    const kernels = new Map(records.map(({ id, kernel }) => [id, this.#kernels[kernel]!]));
    const microseconds = (time: number) => (performance.timeOrigin + time) * 1000;
    const jobs = records.flatMap(({ id, kernel, state, created, started, ended, heard, lane, retries }): TraceEvent[] => {
      const name = this.#kernels[kernel]!;
      const args = { job: id, state: STATES[state], retries };
      const whole: TraceEvent[] = [
        { name, cat: 'job', ph: 'b', ts: microseconds(created), pid, tid: 0, id, args },
        { name, cat: 'job', ph: 'e', ts: microseconds(Math.max(created, heard)), pid, tid: 0, id, args },
      ];
      if (started < 0) return whole;
      return [...whole, { name, cat: 'kernel', ph: 'X', ts: microseconds(started), dur: Math.max(0, ended - started) * 1000, pid, tid: row(lane, 0), args }];
    });
    const work = spans.map(({ job, lane, thread, from, to }): TraceEvent => {
      return { name: kernels.get(job) ?? 'a job', cat: 'thread', ph: 'X', ts: from * 1000, dur: (to - from) * 1000, pid, tid: row(lane, thread), args: { job } };
    });
    const incidents = this.#incidents.map(({ name, at, args }): TraceEvent => ({ name, cat: 'host', ph: 'i', ts: at * 1000, pid, tid: 0, s: 'g', args }));
    const names = [...rows].flatMap(([tid, name]): TraceEvent[] => [
      { name: 'thread_name', cat: '__metadata', ph: 'M', ts: 0, pid, tid, args: { name } },
      { name: 'thread_sort_index', cat: '__metadata', ph: 'M', ts: 0, pid, tid, args: { sort_index: tid } },
    ]);
    const title: TraceEvent = { name: 'process_name', cat: '__metadata', ph: 'M', ts: 0, pid, tid: 0, args: { name: 'loomwork' } };
    return { traceEvents: [title, ...names, ...jobs, ...work, ...incidents], displayTimeUnit: 'ms' };
  }
}
