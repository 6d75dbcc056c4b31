// Every job of the page goes through here: it runs on the host of the moment, shows its progress in the strip, can be cancelled by button or
// Esc, and begins again when the host is replaced.
import type { Host, Job, KernelMap, Progress, RunOptions } from '../../host/entry/browser.ts';
import { button, byId, html, show } from './dom.ts';
import { integer, milliseconds } from './format.ts';
import type { Hosting } from './hosting.ts';

/** Why a task rejects that the visitor cancelled. */
export class CancelledByVisitor extends Error {
  override readonly name = 'CancelledByVisitor';
}

/** What a task may do: run kernels on a host. */
export interface Desk {
  readonly host: Host;
  run<Name extends keyof KernelMap>(kernel: Name, params: KernelMap[Name]['params'], options?: Pick<RunOptions, 'transfer'>): Job<KernelMap[Name]>;
}

export class Jobs {
  readonly #hosting: Hosting;
  /** Tasks that run, oldest first. */
  readonly #tasks = new Set<AbortController>();
  /** Jobs that run, oldest first. */
  readonly #running = new Set<Job>();
  /** The job that the strip shows: the newest that runs, or the last that ran. */
  #shown: Job | undefined;
  #frame = 0;
  readonly #box = html('job');
  readonly #label = html('job-label');
  readonly #bar = byId('job-progress', HTMLProgressElement);
  readonly #cancel = button('cancel');

  constructor(hosting: Hosting) {
    this.#hosting = hosting;
    this.#cancel.addEventListener('click', () => this.cancel());
    document.addEventListener('keydown', (event) => {
      if (event.key === 'Escape' && this.#tasks.size > 0) this.cancel();
    });
  }

  /** Stops whatever runs. */
  cancel(): void {
    for (const task of this.#tasks) task.abort(new CancelledByVisitor('cancelled'));
  }

  /**
   * Runs a task on the host of the moment, and again from its beginning on the next host when this one is replaced meanwhile.
   *
   * @throws CancelledByVisitor; `signal.reason`; whatever the task throws
   */
  async perform<T>(task: (desk: Desk) => Promise<T>, signal?: AbortSignal): Promise<T> {
    const controller = new AbortController();
    const stop = signal ? AbortSignal.any([signal, controller.signal]) : controller.signal;
    this.#tasks.add(controller);
    this.#cancel.disabled = false;
    try {
      for (;;) {
        const { host, replaced } = await this.#hosting.current();
        stop.throwIfAborted();
        try {
          return await task(this.#desk(host, AbortSignal.any([stop, replaced])));
        } catch (thrown) {
          stop.throwIfAborted();
          if (!replaced.aborted) throw thrown;
        }
      }
    } finally {
      this.#tasks.delete(controller);
      this.#cancel.disabled = this.#tasks.size === 0;
    }
  }

  #desk(host: Host, signal: AbortSignal): Desk {
    return {
      host,
      run: (kernel, params, options) => {
        signal.throwIfAborted();
        const job = host.run(kernel, params as never, { ...options, signal });
        this.#running.add(job);
        this.#show(job);
        const ended = () => this.#ended(job);
        job.then(ended, ended);
        return job as never;
      },
    };
  }

  #show(job: Job): void {
    this.#shown = job;
    this.#box.dataset.state = 'running';
    this.#box.dataset.kernel = job.kernel;
    for (const fact of ['cancelDone', 'stoppedDone', 'stoppedMs']) delete this.#box.dataset[fact];
    this.#frame ||= requestAnimationFrame(() => this.#draw());
  }

  #draw(): void {
    this.#frame = 0;
    const job = this.#shown;
    if (job?.state !== 'queued' && job?.state !== 'running') return;
    this.#put(job.progress);
    const { running } = job.timing;
    // A word that flickers at each short job would tell nobody anything.
    if (running > 150) show(this.#label, `${job.kernel}: ${(job.progress.fraction * 100).toFixed(0)} % after ${milliseconds(running)}`);
    this.#frame = requestAnimationFrame(() => this.#draw());
  }

  #put({ done, total, fraction }: Progress): void {
    this.#bar.value = fraction;
    this.#box.dataset.done = String(done);
    this.#box.dataset.total = String(total);
  }

  /** It has its answer, or was cancelled and is about to stop. */
  #ended(job: Job): void {
    this.#running.delete(job);
    if (job !== this.#shown) return;
    const other = [...this.#running].at(-1);
    if (other) return this.#show(other);
    const { dataset } = this.#box;
    const { done, total, fraction } = job.progress;
    dataset.state = job.state;
    this.#put(job.progress);
    if (job.state !== 'cancelled') {
      show(this.#label, `${job.kernel}: ${job.state === 'done' ? `done in ${milliseconds(job.timing.running)}` : 'failed'}`);
      return;
    }
    dataset.cancelDone = String(done);
    show(this.#label, `${job.kernel}: cancelled at ${(fraction * 100).toFixed(0)} %`);
    const asked = performance.now();
    void job.stopped.then(() => {
      if (job !== this.#shown) return;
      const ms = performance.now() - asked;
      dataset.stoppedDone = String(job.progress.done);
      dataset.stoppedMs = ms.toFixed(1);
      show(this.#label, `${job.kernel}: stopped ${milliseconds(ms)} after the cancel, ${integer(job.progress.done)} of ${integer(total)} units done`);
    });
  }
}
