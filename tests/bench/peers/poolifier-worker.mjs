// The no-op of poolifier.
import { load } from './load.mjs';

const { ThreadWorker } = await load('poolifier');
export default new ThreadWorker(() => {}, { maxInactiveTime: 600_000 });
