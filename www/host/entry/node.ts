// The package in Node.
import type { Host } from '../main/api.ts';
import { openHost } from '../main/host.ts';
import type { HostOptions } from '../main/options.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { startProcesses } from '../process/engine.ts';
import { startQueue } from '../../queue/engine.ts';
import { node } from '../runtime/node.ts';

export * from '../main/index.ts';

const runtime: Runtime = {
  ...node,
  backends: {
    process: (...order) => startProcesses(node, new URL('./process.node.js', import.meta.url), ...order),
    queue: (options, _, listener) => startQueue(node, options, listener),
  },
};

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
  return openHost(runtime, options);
}
