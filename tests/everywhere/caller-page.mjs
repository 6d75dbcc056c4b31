// A page that calls the package itself, or has one of its workers do so. The driver asks it.
import * as published from '/pkg/browser.js';
import * as faults from '/target/faults/browser.js';
import { runHere } from './web.mjs';

const MODULE = { type: 'module' };
/** How to reach each kind of caller: something to post to, and a port to hear from. */
const reach = {
  async 'dedicated worker'(asked) {
    const worker = new Worker(new URL('./caller-worker.mjs', import.meta.url), MODULE);
    worker.postMessage(asked);
    return { port: worker, end: () => worker.terminate() };
  },
  async 'shared worker'(asked) {
    const { port } = new SharedWorker(new URL('./caller-worker.mjs', import.meta.url), MODULE);
    port.postMessage(asked);
    return { port, end: () => port.close() };
  },
  async 'service worker'(asked) {
    const registration = await navigator.serviceWorker.register(new URL('./caller-service-worker.mjs', import.meta.url), MODULE);
    const worker = registration.active ?? registration.waiting ?? registration.installing;
    const { port1, port2 } = new MessageChannel();
    worker.postMessage(asked, [port2]);
    return { port: port1, end: () => registration.unregister() };
  },
};

/** Runs the cases and returns their lines. */
export async function run(caller, asked) {
  const lines = [];
  if (caller === 'page') {
    await runHere({ faults, published }, asked, (line) => lines.push(line));
    return lines;
  }
  const { port, end } = await reach[caller](asked);
  await new Promise((resolve, reject) => {
    port.onmessage = ({ data }) => (data ? lines.push(data) : resolve());
    port.onerror = (event) => reject(new Error(`the ${caller} failed: ${event.message}`));
  });
  await end();
  return lines;
}
