// The cases in an edge isolate: a request runs them, and its response is their lines.
import * as published from '../../pkg/edge.js';
import * as faults from '../../target/faults/edge.js';
import { runCases } from './cases.mjs';

// Deployed, an isolate's clock stands still while code runs (against timing attacks); here it does not by itself.
const { setTimeout } = globalThis;
const clock = performance.now.bind(performance);
let shown = clock();
performance.now = () => shown;
globalThis.setTimeout = (callback, ...rest) =>
  setTimeout((...args) => {
    shown = clock();
    callback(...args);
  }, ...rest);

export default {
  async fetch(request) {
    const { backend, auto } = await request.json();
    const lines = [];
    await runCases({ backend, auto, faults, published, alive: async () => 0 }, (line) => lines.push(line));
    return new Response(lines.map((line) => JSON.stringify(line)).join('\n'));
  },
};
