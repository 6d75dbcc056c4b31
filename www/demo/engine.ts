// The host that the page uses, and the job that runs on it: everything on the page asks here.
import { createHost, type Host, type Job } from '../host/entry/browser.ts';

/** Where jobs run. */
export interface Settings {
  threads: number;
  /** On the main thread, to see what that does to a page. */
  inline: boolean;
}

/** Told of changes: `host` (another host, or none with `error`), `job` (a job began or ended). */
export class Engine extends EventTarget {
  /** The newest job, while it runs. */
  job: Job | undefined;
  /** Why there is no host. */
  error: unknown;
  #host: Host | undefined;
  #settings: Settings;
  #changing: Promise<void> = Promise.resolve();

  constructor(settings: Settings) {
    super();
    this.#settings = settings;
    this.#changing = this.#replace();
  }

  get host(): Host | undefined {
    return this.#host;
  }

  get settings(): Settings {
    return this.#settings;
  }

  /** Another place for jobs: running ones are cancelled, the old host is closed, then `host` is told. */
  change(settings: Partial<Settings>): void {
    this.#settings = { ...this.#settings, ...settings };
    const wanted = this.#settings;
    this.#changing = this.#changing.then(() => (wanted === this.#settings ? this.#replace() : undefined));
  }

  /** The host, once there is one. */
  async ready(): Promise<Host> {
    await this.#changing;
    if (!this.#host) throw this.error;
    return this.#host;
  }

  /** Makes a job the current one: the strip shows its progress and can cancel it. */
  track<J extends Job>(job: J): J {
    this.job = job;
    this.dispatchEvent(new Event('job'));
    const ended = () => {
      if (this.job !== job) return;
      this.job = undefined;
      this.dispatchEvent(new Event('job'));
    };
    job.then(ended, ended);
    return job;
  }

  async #replace(): Promise<void> {
    const old = this.#host;
    this.#host = undefined;
    this.job?.cancel();
    await old?.close();
    const { inline, threads } = this.#settings;
    try {
      this.#host = await createHost(inline ? { backend: 'inline' } : { threads });
      this.error = undefined;
    } catch (error) {
      this.error = error;
    }
    this.dispatchEvent(new Event('host'));
  }
}
