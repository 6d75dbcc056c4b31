// What is measured, in Prometheus' form: each process counts for itself, the primary adds them up.
import type * as Prometheus from 'prom-client';
import type { Host, Job } from '../host/entry/node.ts';

const SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

export class Metrics {
  readonly #jobs: Prometheus.Counter<'kernel' | 'state'>;
  readonly #running: Prometheus.Histogram<'kernel'>;
  readonly #waiting: Prometheus.Histogram<'kernel'>;
  readonly #requests: Prometheus.Histogram<'method' | 'route' | 'status'>;

  constructor({ Counter, Gauge, Histogram, collectDefaultMetrics, AggregatorRegistry, register }: typeof Prometheus, host: Pick<Host, 'stats'>) {
    // Made in each process: it is what answers the primary.
    new AggregatorRegistry();
    register.clear();
    collectDefaultMetrics();
    this.#jobs = new Counter({ name: 'loomwork_jobs_total', help: 'Jobs that have ended.', labelNames: ['kernel', 'state'] });
    this.#running = new Histogram({ name: 'loomwork_job_seconds', help: 'Time inside of the kernel.', labelNames: ['kernel'], buckets: SECONDS });
    this.#waiting = new Histogram({ name: 'loomwork_job_queued_seconds', help: 'Time from the request to the kernel.', labelNames: ['kernel'], buckets: SECONDS });
    this.#requests = new Histogram({ name: 'loomwork_http_request_seconds', help: 'Requests, to the last byte of the answer.', labelNames: ['method', 'route', 'status'], buckets: SECONDS });
    gauge('loomwork_queue', 'Jobs that wait.', () => host.stats().queued);
    gauge('loomwork_running', 'Jobs inside of an instance.', () => host.stats().running);
    gauge('loomwork_restarts', 'Instances that were replaced.', () => host.stats().restarts);
    gauge('loomwork_retries', 'Times that a job ran again.', () => host.stats().retries);

    function gauge(name: string, help: string, read: () => number): void {
      new Gauge({
        name,
        help,
        collect() {
          this.set(read());
        },
      });
    }
  }

  job(job: Job): void {
    const { kernel, state, timing } = job;
    this.#jobs.inc({ kernel, state });
    if (state !== 'done') return;
    this.#running.observe({ kernel }, timing.running / 1000);
    this.#waiting.observe({ kernel }, timing.queued / 1000);
  }

  request(method: string, route: string, status: number, milliseconds: number): void {
    this.#requests.observe({ method, route, status: String(status) }, milliseconds / 1000);
  }
}
