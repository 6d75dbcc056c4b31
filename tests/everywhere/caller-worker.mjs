// A dedicated or a shared worker that is itself a caller of the package.
import * as loomwork from '/target/faults/browser.js';
import { answer } from './web.mjs';

const serve = (port) => {
  port.onmessage = ({ data }) => answer(loomwork, port, data);
};
if ('onconnect' in globalThis) globalThis.onconnect = ({ ports: [port] }) => serve(port);
else serve(globalThis);
