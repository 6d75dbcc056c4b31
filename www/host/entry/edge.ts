// The package in edge isolates (workerd): kernels run inline, on the artifact that is linked in.
import type { Host } from '../main/api.ts';
import { openHost } from '../main/host.ts';
import type { HostOptions } from '../main/options.ts';
import { edge } from '../runtime/edge.ts';
import simd from './loomwork.simd.wasm';
import { openInline } from './inline.ts';

export * from '../main/index.ts';

/**
 * Starts a host. Open it inside of a request: an isolate may do nothing before.
 *
 * @throws LoomworkError `START_FAILED`, `UNSUPPORTED` or `BAD_PARAMS`
 * @example
 * const host = await createHost();
 * const { hex } = await host.run('hash', { data, algorithm: 'blake3' });
 * await host.close();
 */
export function createHost(options?: HostOptions): Promise<Host> {
  return openHost(edge({ simd }, { openInline }), options);
}
