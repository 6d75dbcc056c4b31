// What a host has done: counters, histograms and the latest jobs, for `host.stats()` and `host.trace()`.
import { Histogram, type TimesSummary } from './histogram.ts';
import type { JobState } from './job.ts';

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
  /** Each lane (or worker) of the present instance: how many threads it has, jobs that it has run, the share of time that it was busy. */
  lanes: { threads: number; jobs: number; utilization: number }[];
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

/** The latest jobs, without an object for each: numbers in columns that begin again at the top. Times are by `performance.now()`, -1 for never. */
class Records {
  readonly most: number;
  readonly #columns: Record<'id' | 'kernel' | 'state' | 'created' | 'started' | 'ended' | 'heard' | 'lane' | 'retries', Float64Array>;
  readonly #kernels: string[] = [];
  readonly #numbers = new Map<string, number>();
  #count = 0;

  constructor(most: number) {
    this.most = most;
    const column = () => new Float64Array(most);
    this.#columns = { id: column(), kernel: column(), state: column(), created: column(), started: column(), ended: column(), heard: column(), lane: column(), retries: column() };
  }

  add(id: number, kernel: string, state: JobState, created: number, started: number, ended: number, heard: number, lane: number, retries: number): void {
    let number = this.#numbers.get(kernel);
    if (number === undefined) {
      number = this.#kernels.push(kernel) - 1;
      this.#numbers.set(kernel, number);
    }
    const at = this.#count % this.most;
    this.#count += 1;
    const columns = this.#columns;
    columns.id[at] = id;
    columns.kernel[at] = number;
    columns.state[at] = STATES.indexOf(state);
    columns.created[at] = created;
    columns.started[at] = started;
    columns.ended[at] = ended;
    columns.heard[at] = heard;
    columns.lane[at] = lane;
    columns.retries[at] = retries;
  }

  /** Oldest first. */
  all() {
    const length = Math.min(this.#count, this.most);
    const columns = this.#columns;
    return Array.from({ length }, (_, index) => {
      const at = (this.#count - length + index) % this.most;
      return {
        id: columns.id[at]!, kernel: this.#kernels[columns.kernel[at]!]!, state: STATES[columns.state[at]!]!, created: columns.created[at]!,
        started: columns.started[at]!, ended: columns.ended[at]!, heard: columns.heard[at]!, lane: columns.lane[at]!, retries: columns.retries[at]!,
      };
    });
  }
}

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
  readonly #records: Records;
  readonly #incidents: { name: string; at: number; args: Record<string, unknown> }[] = [];
  #since = performance.now();

  /** @param most jobs that are remembered */
  constructor(most: number) {
    this.#records = new Records(most);
  }

  /** A job was answered with its output. */
  times(latency: number, runTime: number): void {
    this.#latency.add(latency);
    this.#runTime.add(Math.max(0, runTime));
  }

  /** Remembers the end of a job for the trace. */
  remember(...record: Parameters<Records['add']>): void {
    if (this.#records.most > 0) this.#records.add(...record);
  }

  /** Something happened to the host itself. */
  incident(name: string, args: Record<string, unknown>): void {
    if (this.#incidents.length >= 1000) this.#incidents.shift();
    this.#incidents.push({ name, at: performance.timeOrigin + performance.now(), args });
  }

  /** The lanes are new ones. */
  newLanes(): void {
    this.#since = performance.now();
  }

  summary(queued: number, running: number, lanes: LaneStats[]): HostStats {
    const { done, failed, cancelled, retries, restarts, bytesIn, bytesOut } = this;
    const elapsed = Math.max(1e-3, performance.now() - this.#since);
    return {
      queued, running, done, failed, cancelled, retries, restarts, bytesIn, bytesOut,
      latency: this.#latency.summary,
      runTime: this.#runTime.summary,
      lanes: lanes.map(({ threads, jobs, busy }) => ({ threads, jobs, utilization: Math.min(1, busy / elapsed) })),
    };
  }

  trace(): Trace {
    const records = this.#records.all();
    const lanes = [...new Set(records.filter(({ started }) => started >= 0).map(({ lane }) => lane))];
    const pid = 1;
    const names: TraceEvent[] = [
      { name: 'process_name', cat: '__metadata', ph: 'M', ts: 0, pid, tid: 0, args: { name: 'loomwork' } },
      { name: 'thread_name', cat: '__metadata', ph: 'M', ts: 0, pid, tid: 0, args: { name: 'host' } },
      ...lanes.map((lane): TraceEvent => ({ name: 'thread_name', cat: '__metadata', ph: 'M', ts: 0, pid, tid: lane + 1, args: { name: `lane ${lane + 1}` } })),
    ];
    const microseconds = (time: number) => (performance.timeOrigin + time) * 1000;
    const jobs = records.flatMap(({ id, kernel, state, created, started, ended, heard, lane, retries }): TraceEvent[] => {
      const args = { job: id, state, retries };
      const whole: TraceEvent[] = [
        { name: kernel, cat: 'job', ph: 'b', ts: microseconds(created), pid, tid: 0, id, args },
        { name: kernel, cat: 'job', ph: 'e', ts: microseconds(Math.max(created, heard)), pid, tid: 0, id, args },
      ];
      if (started < 0) return whole;
      return [...whole, { name: kernel, cat: 'kernel', ph: 'X', ts: microseconds(started), dur: Math.max(0, ended - started) * 1000, pid, tid: lane + 1, args }];
    });
    const incidents = this.#incidents.map(({ name, at, args }): TraceEvent => ({ name, cat: 'host', ph: 'i', ts: at * 1000, pid, tid: 0, s: 'g', args }));
    return { traceEvents: [...names, ...jobs, ...incidents], displayTimeUnit: 'ms' };
  }
}

