// process.node.js: a child process of the `process` backend.
import { serveParent } from '../process/child.ts';
import { node } from '../runtime/node.ts';

serveParent(node);
