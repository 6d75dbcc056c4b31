// A service worker that is itself a caller of the package.
import * as loomwork from '/target/faults/service-worker.js';
import { answer } from './web.mjs';

self.addEventListener('message', (event) => event.waitUntil(answer(loomwork, event.ports[0], event.data)));
