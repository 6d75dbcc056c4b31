// Hashes: hash-wasm (wasm), @noble/hashes (JavaScript), Node's OpenSSL and @napi-rs/blake-hash (add-ons).
import { createHash } from 'node:crypto';

export const hashing = [
  {
    impl: 'hash-wasm', kind: 'portable', threads: 1,
    cases: {
      async hash({ data, algorithm }) {
        const { createBLAKE3, createSHA256 } = await import('hash-wasm');
        const hasher = await { blake3: createBLAKE3, sha256: createSHA256 }[algorithm]();
        return () => ({ hex: hasher.init().update(data).digest('hex') });
      },
      async 'hash.many'(params) {
        const hasher = await (await import('hash-wasm')).createSHA256();
        return params.algorithm === 'sha256' ? () => ({ digests: many(params, (chunk) => hasher.init().update(chunk).digest('binary')) }) : undefined;
      },
    },
  },
  {
    impl: '@noble/hashes', kind: 'portable', threads: 1,
    cases: {
      async hash({ data, algorithm }) {
        const { [algorithm]: hash } = algorithm === 'blake3' ? await import('@noble/hashes/blake3.js') : await import('@noble/hashes/sha2.js');
        return () => ({ hex: Buffer.from(hash(data)).toString('hex') });
      },
    },
  },
  {
    impl: 'node:crypto', kind: 'addon', threads: 1,
    cases: {
      hash: ({ data, algorithm }) => (algorithm === 'sha256' ? () => ({ hex: createHash('sha256').update(data).digest('hex') }) : undefined),
      'hash.many': (params) => (params.algorithm === 'sha256' ? () => ({ digests: many(params, (chunk) => createHash('sha256').update(chunk).digest()) }) : undefined),
    },
  },
  {
    impl: '@napi-rs/blake-hash', kind: 'addon', threads: 1,
    cases: {
      async hash({ data, algorithm }) {
        if (algorithm !== 'blake3') return undefined;
        const { blake3 } = (await import('@napi-rs/blake-hash')).default;
        const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
        return () => ({ hex: Buffer.from(blake3(bytes)).toString('hex') });
      },
    },
  },
];

function many({ data, chunk }, digest) {
  const digests = new Uint8Array(Math.ceil(data.length / chunk) * 32);
  for (let at = 0, index = 0; at < data.length; at += chunk, index += 1) digests.set(digest(data.subarray(at, at + chunk)), index * 32);
  return digests;
}
