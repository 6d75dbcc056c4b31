// The host's part of the strip: which backend and why, how many threads, and the switch to the main thread.
import { LoomworkError } from '../../host/entry/browser.ts';
import { html, input, show } from './dom.ts';
import { Hosting, type HostState } from './hosting.ts';
import { clearNotices, tellError } from './notices.ts';

const strip = html('strip');
const threads = input('threads');
const inline = input('inline');
const threadsValue = html('threads-value');

/** Opens the host and ties it to the controls. */
export function openStrip(onHost: (state: HostState) => void): Hosting {
  const cores = navigator.hardwareConcurrency || 1;
  // The value is cut to the range of the moment: the range comes first.
  threads.max = String(cores);
  threads.value = String(cores);
  threads.disabled = true;
  showThreads();
  const hosting = new Hosting({ threads: cores, inline: false }, (state) => {
    showState(state);
    onHost(state);
  });
  threads.addEventListener('input', showThreads);
  threads.addEventListener('change', () => hosting.change({ threads: Number(threads.value) }));
  inline.addEventListener('change', () => hosting.change({ inline: inline.checked }));
  return hosting;
}

function showThreads(): void {
  show(threadsValue, threads.value);
}

function showState(state: HostState): void {
  const { dataset } = strip;
  dataset.state = state.kind;
  if (state.kind === 'starting') {
    show(html('backend'), 'Starting…');
    return;
  }
  if (state.kind === 'failed') {
    dataset.backend = dataset.why = '';
    show(html('backend'), state.error instanceof LoomworkError ? state.error.code : 'not started');
    show(html('why'), 'The host could not start: see the message.');
    tellError('The host could not start', state.error);
    return;
  }
  clearNotices();
  const { backend, why, artifact, threads: count } = state.host;
  Object.assign(dataset, { backend, why, artifact, threads: count });
  show(html('backend'), backend === 'inline' ? 'The main thread' : `${count} ${count === 1 ? backend.slice(0, -1) : backend}`);
  show(html('why'), sentence(why));
  // Only shared memory has threads to choose.
  threads.disabled = backend !== 'threads';
}

function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
