// The package.json of a package of kernels: which file serves which runtime.
import type { Artifact } from '../host/shared/artifact.ts';

const types = (entry: string) => `./types/host/entry/${entry}.d.ts`;

/** What only the queue (and the server, which comes with the command) needs: whoever uses those installs them. */
export const QUEUE_PEERS = { bullmq: '^6.7.0', ioredis: '^6.0.0' };

export interface Identity {
  name: string;
  version: string;
  description: string;
  license?: string | undefined;
}

/** The manifest without what only one package has: its command, its keywords. */
export function manifest({ name, version, description, license }: Identity, artifacts: readonly Artifact[], peers: Record<string, string>) {
  const edge = artifacts.includes('simd');
  return {
    name,
    version,
    description,
    ...(license !== undefined && { license }),
    type: 'module',
    engines: { node: '>=20' },
    // Parcel ignores `exports`.
    main: './node.js',
    browser: './browser.js',
    types: types('browser'),
    exports: {
      '.': {
        // Before `browser`: whoever builds for edge isolates names both.
        ...(edge && { workerd: { types: types('edge'), default: './edge.js' } }),
        browser: { types: types('browser'), default: './browser.js' },
        node: { types: types('node'), default: './node.js' },
        default: { types: types('browser'), default: './browser.js' },
      },
      './service-worker': { types: types('service-worker'), default: './service-worker.js' },
      './queue-worker': { types: types('queue-worker'), default: './queue-worker.js' },
      './isolation.js': './isolation.js',
      './worker.js': './worker.js',
      './inline.js': './inline.js',
      ...Object.fromEntries(artifacts.map((artifact) => [`./loomwork.${artifact}.wasm`, `./loomwork.${artifact}.wasm`])),
      './kernels.json': './kernels.json',
      './package.json': './package.json',
    },
    sideEffects: ['./worker.js', './worker.node.js', './process.node.js', './isolation.js'],
    peerDependencies: peers,
    peerDependenciesMeta: Object.fromEntries(Object.keys(peers).map((peer) => [peer, { optional: true }])),
  };
}
