// The no-op of workerpool: answers with what it is given.
import { load } from './load.mjs';

const { default: workerpool } = await load('workerpool');
workerpool.worker({ noop: (data) => data });
