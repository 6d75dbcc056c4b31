// The package in service workers, which start no workers and import nothing on the way: what kernels need to run inline is linked in.
import type { Host } from '../main/api.ts';
import { openHost } from '../main/host.ts';
import type { HostOptions } from '../main/options.ts';
import { browser } from '../runtime/browser.ts';
import { openInline } from './inline.ts';

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
  return openHost({ ...browser, inline: async () => ({ openInline }) }, options);
}
