// isolation.js: gives a page on a static host, which sends no headers of its own, the isolation that threads need. A classic script that is
// both sides: in the page it registers itself as a service worker and loads the page once more; there it adds the headers to every answer.

/** What the page remembers of its one reload. */
const RELOADED = 'loomwork isolation: reloaded';

/** As far as it is needed here: the compiler has either pages or service workers. */
interface ServiceWorkerSide {
  skipWaiting(): Promise<void>;
  readonly clients: { claim(): Promise<void> };
  addEventListener(type: 'install' | 'activate', listener: (event: { waitUntil(work: Promise<unknown>): void }) => void): void;
  addEventListener(type: 'fetch', listener: (event: { readonly request: Request; respondWith(response: Promise<Response>): void }) => void): void;
}

if (typeof document === 'undefined') serveIsolated(globalThis as unknown as ServiceWorkerSide);
else void isolate((document.currentScript as HTMLScriptElement).src);

function serveIsolated(worker: ServiceWorkerSide): void {
  worker.addEventListener('install', (event) => event.waitUntil(worker.skipWaiting()));
  worker.addEventListener('activate', (event) => event.waitUntil(worker.clients.claim()));
  worker.addEventListener('fetch', (event) => {
    const { request } = event;
    // Only the page's own cache may be asked for these; the browser does so itself.
    if (request.cache === 'only-if-cached' && request.mode !== 'same-origin') return;
    event.respondWith(fetch(request).then(isolated));
  });
}

function isolated(response: Response): Response {
  // What is opaque can be neither read nor changed.
  if (response.status === 0) return response;
  const headers = new Headers(response.headers);
  headers.set('Cross-Origin-Opener-Policy', 'same-origin');
  headers.set('Cross-Origin-Embedder-Policy', 'require-corp');
  return new Response(response.body, { status: response.status, statusText: response.statusText, headers });
}

async function isolate(script: string): Promise<void> {
  if (globalThis.crossOriginIsolated) return sessionStorage.removeItem(RELOADED);
  if (!('serviceWorker' in navigator)) return console.warn('loomwork: this page cannot be isolated: service workers need HTTPS or localhost');
  await navigator.serviceWorker.register(script);
  await navigator.serviceWorker.ready;
  // Once: where it does not help (a browser without isolation), the page goes on as it is.
  if (sessionStorage.getItem(RELOADED)) return;
  sessionStorage.setItem(RELOADED, 'yes');
  location.reload();
}
