// The no-op of poolifier: answers with what it is given.
import { load } from './load.mjs';

const { ThreadWorker } = await load('poolifier');
export default new ThreadWorker((data) => data, { maxInactiveTime: 600_000 });
