// What this suite shares with `loomwork bench` and the page: www/bench, bundled.
import { loadSource } from '../../www/build/load.mjs';

/** Where the bundle lies, for workers. */
export const { url, module: shared } = await loadSource('www/bench/node/main.ts', 'bench.mjs');
