// The built package in Node: `loomwork test`, or `node --test tests/`.
import { after, before, test } from 'node:test';
import { createHost } from '../pkg/node.js';
import { cases } from './cases.mjs';

let host;
before(async () => {
  host = await createHost();
});
after(() => host?.close());

for (const [name, check] of Object.entries(cases)) test(name, () => check(host));
