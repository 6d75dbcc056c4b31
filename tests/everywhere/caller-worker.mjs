// A dedicated or a shared worker that is itself a caller of the package.
import * as published from '/pkg/browser.js';
import * as faults from '/target/faults/browser.js';
import { answer } from './web.mjs';

const serve = (port) => {
  port.onmessage = ({ data }) => answer({ faults, published }, port, data);
};
if ('onconnect' in globalThis) globalThis.onconnect = ({ ports: [port] }) => serve(port);
else serve(globalThis);
