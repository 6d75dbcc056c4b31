// The package in Node.
import type { Host } from '../main/api.ts';
import { openHost } from '../main/host.ts';
import type { HostOptions } from '../main/options.ts';
import { node } from '../runtime/node.ts';

export * from '../main/index.ts';

/**
 * Starts a host.
 *
 * @throws LoomworkError `START_FAILED`, `UNSUPPORTED` or `BAD_PARAMS`
 * @example
 * const host = await createHost();
 * const { hex } = await host.run('hash', { data, algorithm: 'blake3' });
 * await host.close();
 */
export function createHost(options?: HostOptions): Promise<Host> {
  return openHost(node, options);
}
