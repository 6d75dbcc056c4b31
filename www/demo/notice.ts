// Failures, told calmly: the code, what happened and what to do.
import { LoomworkError } from '../host/entry/browser.ts';
import { byId } from './dom.ts';

const notice = byId('notice', HTMLElement);

byId('notice-close', HTMLButtonElement).addEventListener('click', clearNotice);

/** Shows what went wrong. Aborts are not shown: somebody wanted them. */
export function tell(error: unknown): void {
  if (error instanceof DOMException && error.name === 'AbortError') return;
  byId('notice-code', HTMLElement).textContent = error instanceof LoomworkError ? error.code : error instanceof Error ? error.name : 'Error';
  byId('notice-text', HTMLElement).textContent = error instanceof Error ? error.message : String(error);
  notice.hidden = false;
}

/** Takes the message away. */
export function clearNotice(): void {
  notice.hidden = true;
}
