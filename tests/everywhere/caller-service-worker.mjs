// A service worker that is itself a caller of the package.
import * as published from '/pkg/service-worker.js';
import * as faults from '/target/faults/service-worker.js';
import { answer } from './web.mjs';

self.addEventListener('message', (event) => event.waitUntil(answer({ faults, published }, event.ports[0], event.data)));
