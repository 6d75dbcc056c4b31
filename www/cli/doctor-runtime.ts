// What this Node gives: the features that the threads backend needs, and whether a host really starts.
import { availableParallelism } from 'node:os';
import { exceptions, simd, threads } from 'wasm-feature-detect';
import { createHost } from '../host/entry/node.ts';
import type { Finding } from './doctor.ts';
import { duration } from './terminal.ts';

const OLDEST_NODE = 20;

export async function examineRuntime(): Promise<Finding[]> {
  const [hasSimd, hasThreads, hasExceptions] = await Promise.all([simd(), threads(), exceptions()]);
  const cores = availableParallelism();
  return [
    finding('Node', Number.parseInt(process.versions.node, 10) >= OLDEST_NODE, process.version, `install Node ${OLDEST_NODE} or newer`),
    finding('Cores', true, cores === 1 ? '1: kernels run, but on one thread' : String(cores)),
    finding('SharedArrayBuffer', typeof SharedArrayBuffer === 'function', typeof SharedArrayBuffer === 'function' ? 'there' : 'missing', 'run node without --no-harmony-sharedarraybuffer'),
    feature('WebAssembly SIMD', hasSimd),
    feature('WebAssembly threads', hasThreads),
    feature('WebAssembly exceptions', hasExceptions),
    await startHost(),
  ];
}

async function startHost(): Promise<Finding> {
  const begun = performance.now();
  try {
    const host = await createHost();
    const took = duration(performance.now() - begun);
    const { backend, why } = host;
    await host.close();
    return finding('Host', backend === 'threads', `started in ${took}: ${backend} backend; ${why}`, 'mend what lacks above');
  } catch (error) {
    return finding('Host', false, `does not start: ${error instanceof Error ? error.message : String(error)}`, 'install the package again, or mend what lacks above');
  }
}

function feature(name: string, there: boolean): Finding {
  return finding(name, there, there ? 'there' : 'missing', `install Node ${OLDEST_NODE} or newer, on a processor and with options that allow it`);
}

function finding(name: string, ok: boolean, found: string, mend?: string): Finding {
  return { name, ok, found, ...(!ok && mend !== undefined && { mend }) };
}
