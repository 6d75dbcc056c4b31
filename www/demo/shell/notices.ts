// Messages to the visitor, at the corner of the page: what failed, under which code, and what to do about it.
import { LoomworkError } from '../../host/entry/browser.ts';
import { html, make } from './dom.ts';

/** More would hide the page; the oldest goes. */
const MOST = 3;

const region = html('notices');

/** Tells of a failure. What the visitor stopped is no failure and does not come here. */
export function tellError(what: string, error: unknown): void {
  const notice = make('div', 'notice');
  notice.setAttribute('role', 'alert');
  const title = make('p', 'title', what);
  if (error instanceof LoomworkError) {
    notice.dataset.code = error.code;
    title.append(' ', make('code', '', error.code));
  }
  const close = make('button', 'close', '×');
  close.type = 'button';
  close.setAttribute('aria-label', 'Dismiss this message');
  close.addEventListener('click', () => notice.remove());
  notice.append(title, make('p', '', error instanceof Error ? error.message : String(error)));
  if (error instanceof LoomworkError && error.location) notice.append(make('p', 'hint', error.location));
  notice.append(close);
  region.append(notice);
  while (region.childElementCount > MOST) region.firstElementChild?.remove();
}

/** Old messages are of no use once something has worked. */
export function clearNotices(): void {
  region.replaceChildren();
}
