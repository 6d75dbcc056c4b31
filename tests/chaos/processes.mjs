// Chaos among child processes: every one that the host starts is remembered, so that one can be killed behind its back.
import { createRequire, syncBuiltinESMExports } from 'node:module';
import { AMONG_PROCESSES, chaos } from './chaos.mjs';

/** @param {{ seed: number, jobs: number, faults?: number, kinds?: string[], log?: (line: string) => void }} options */
export async function chaosInProcesses({ kinds = AMONG_PROCESSES, ...options }) {
  const module = createRequire(import.meta.url)('node:child_process');
  const children = new Set();
  const { fork } = module;
  module.fork = (...order) => {
    const child = fork(...order);
    children.add(child);
    child.once('exit', () => children.delete(child));
    return child;
  };
  syncBuiltinESMExports();
  const { createHost } = await import('../../target/faults/node.js');
  const kill = (_, random) => {
    const candidates = [...children];
    candidates[Math.floor(random() * candidates.length)]?.kill('SIGKILL');
    return candidates.length > 0;
  };
  try {
    return await chaos({ createHost: (more) => createHost({ ...more, backend: 'process', processes: 2 }), kill, kinds, ...options });
  } finally {
    module.fork = fork;
    syncBuiltinESMExports();
  }
}
