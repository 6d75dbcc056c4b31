// Chaos in Node: every worker that the host starts is remembered, so that one can be ended behind its back.
import { createRequire, syncBuiltinESMExports } from 'node:module';
import { chaos } from './chaos.mjs';

/** @param {{ seed: number, jobs: number, faults?: number, kinds?: string[], log?: (line: string) => void }} options */
export async function chaosInNode(options) {
  const threads = createRequire(import.meta.url)('node:worker_threads');
  const workers = new Set();
  const { Worker } = threads;
  threads.Worker = class extends Worker {
    constructor(url, settings) {
      super(url, settings);
      this.loomworkName = settings.name;
      workers.add(this);
      this.on('exit', () => workers.delete(this));
    }
  };
  syncBuiltinESMExports();
  const { createHost } = await import('../../target/faults/node.js');
  const kill = (kind, random) => {
    const candidates = [...workers].filter((worker) => worker.loomworkName.startsWith(`loomwork ${kind}`));
    void candidates[Math.floor(random() * candidates.length)]?.terminate();
    return candidates.length > 0;
  };
  try {
    return await chaos({ createHost, kill, ...options });
  } finally {
    threads.Worker = Worker;
    syncBuiltinESMExports();
  }
}
