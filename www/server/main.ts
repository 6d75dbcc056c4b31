// server.js: the server's processes start here; the command starts the first.
import cluster from 'node:cluster';
import { serveProcess } from './process.ts';

export { serveOptions, type ServeOptions } from './options.ts';
export { startServer, type RunningServer, type ServerLog } from './primary.ts';

if (cluster.isWorker) serveProcess();
