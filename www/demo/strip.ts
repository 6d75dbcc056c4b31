// The strip at the foot: where jobs run, the threads slider, the switch to the main thread, progress and cancel.
import type { Job } from '../host/entry/browser.ts';
import { byId, say } from './dom.ts';
import type { Engine } from './engine.ts';
import { tell } from './notice.ts';

export function startStrip(engine: Engine): void {
  const backend = byId('backend', HTMLElement);
  const threads = byId('threads', HTMLInputElement);
  const inline = byId('inline', HTMLInputElement);

  threads.max = String(navigator.hardwareConcurrency || 1);
  threads.value = String(engine.settings.threads);
  threads.addEventListener('input', () => say('threads-value', threads.value));
  threads.addEventListener('change', () => engine.change({ threads: threads.valueAsNumber }));
  inline.addEventListener('change', () => engine.change({ inline: inline.checked }));

  engine.addEventListener('host', () => {
    const { host } = engine;
    backend.textContent = host?.backend ?? 'no host';
    backend.dataset['backend'] = host?.backend ?? 'none';
    say('why', host?.why ?? 'Nothing can run here.');
    // Only the threads backend has threads to choose.
    threads.disabled = host !== undefined && host.backend !== 'threads';
    say('threads-value', String(host?.backend === 'threads' ? host.threads : threads.value));
    if (!host) tell(engine.error);
  });

  showJobs(engine);
}

function showJobs(engine: Engine): void {
  const box = byId('job', HTMLElement);
  const bar = byId('job-progress', HTMLProgressElement);
  const cancel = byId('cancel', HTMLButtonElement);

  function stop(): void {
    const { job } = engine;
    if (!job) return;
    // For whoever wants to know how much was done after the cancel: kept on the element.
    box.dataset['cancelledAt'] = String(job.progress.done);
    box.dataset['total'] = String(job.progress.total);
    delete box.dataset['stoppedAt'];
    job.cancel();
    void job.stopped.then(() => {
      box.dataset['stoppedAt'] = String(job.progress.done);
    });
  }

  cancel.addEventListener('click', stop);
  addEventListener('keydown', (event) => {
    if (event.key === 'Escape') stop();
  });
  engine.addEventListener('job', () => {
    const { job } = engine;
    cancel.disabled = !job;
    if (job) follow(job);
  });

  function follow(job: Job): void {
    box.dataset['state'] = 'running';
    say('job-name', job.kernel);
    const draw = (): void => {
      if (engine.job !== job) {
        if (!engine.job) end(job);
        return;
      }
      bar.value = job.progress.fraction;
      box.dataset['done'] = String(job.progress.done);
      requestAnimationFrame(draw);
    };
    draw();
  }

  function end(job: Job): void {
    box.dataset['state'] = job.state;
    bar.value = job.state === 'done' ? 1 : job.progress.fraction;
    say('job-name', job.state === 'done' ? `${job.kernel} done` : job.state);
  }
}
