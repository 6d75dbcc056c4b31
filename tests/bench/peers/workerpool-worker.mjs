// The no-op of workerpool.
import { load } from './load.mjs';

const { default: workerpool } = await load('workerpool');
workerpool.worker({ noop() {} });
