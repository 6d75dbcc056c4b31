// Compression: fflate, pako, fzstd and lz4js (JavaScript), zstd and lz4 as wasm, Node's zlib and lz4-napi (add-ons).
import { availableParallelism } from 'node:os';
import { promisify } from 'node:util';
import zlib from 'node:zlib';

/** What one thread of Node's pool is given at a time. */
const PIECE = 1 << 20;

export const compressing = [
  {
    impl: 'fflate', kind: 'portable', threads: 1,
    cases: {
      async compress({ data, format }) {
        const { gzipSync } = await import('fflate');
        return format === 'gzip' ? () => ({ data: gzipSync(data, { level: 6 }) }) : undefined;
      },
      async decompress({ data, format }) {
        const { gunzipSync, unzlibSync } = await import('fflate');
        const expand = { gzip: gunzipSync, zlib: unzlibSync }[format];
        return expand && (() => ({ data: expand(data) }));
      },
    },
  },
  {
    impl: 'pako', kind: 'portable', threads: 1,
    cases: {
      async compress({ data, format }) {
        const { gzip } = await import('pako');
        return format === 'gzip' ? () => ({ data: gzip(data, { level: 6 }) }) : undefined;
      },
      async decompress({ data, format }) {
        const { inflate } = await import('pako');
        return ['gzip', 'zlib'].includes(format) ? () => ({ data: inflate(data) }) : undefined;
      },
    },
  },
  {
    impl: '@bokuweb/zstd-wasm', kind: 'portable', threads: 1,
    cases: {
      async compress({ data, format }) {
        if (format !== 'zstd') return undefined;
        const zstd = await loadZstd();
        return () => ({ data: zstd.compress(data, 3) });
      },
      async decompress({ data, format }) {
        if (format !== 'zstd') return undefined;
        const [zstd, { decompress }] = [await loadZstd(), await import('fzstd')];
        // It reads the first frame only, and our files have several: it gets one of its own, of the same text.
        const own = zstd.compress(decompress(data), 3);
        return () => ({ data: zstd.decompress(own) });
      },
    },
  },
  {
    impl: 'fzstd', kind: 'portable', threads: 1,
    cases: {
      async decompress({ data, format }) {
        const { decompress } = await import('fzstd');
        return format === 'zstd' ? () => ({ data: decompress(data) }) : undefined;
      },
    },
  },
  {
    // Of LZ4's own block format with a length before it: the same work, without the frame around it.
    impl: 'lz4-wasm-nodejs', kind: 'portable', threads: 1,
    cases: {
      async compress({ data, format }) {
        if (format !== 'lz4') return undefined;
        const { default: lz4 } = await import('lz4-wasm-nodejs');
        return () => ({ data: lz4.compress(data), expand: lz4.decompress });
      },
    },
  },
  {
    // It does not read our frames: those with checksums of blocks and the length of the content.
    impl: 'lz4js', kind: 'portable', threads: 1,
    cases: {
      async compress({ data, format }) {
        const { default: lz4 } = await import('lz4js');
        return format === 'lz4' ? () => ({ data: lz4.compress(data) }) : undefined;
      },
    },
  },
  {
    impl: 'lz4-napi', kind: 'addon', threads: 1,
    cases: {
      async compress({ data, format }) {
        if (format !== 'lz4') return undefined;
        const { default: lz4 } = await import('lz4-napi');
        const bytes = buffer(data);
        return () => ({ data: lz4.compressFrameSync(bytes) });
      },
      async decompress({ data, format }) {
        if (format !== 'lz4') return undefined;
        const { default: lz4 } = await import('lz4-napi');
        const bytes = buffer(data);
        return () => ({ data: lz4.decompressFrameSync(bytes) });
      },
    },
  },
  {
    impl: 'node:zlib', kind: 'addon', threads: [1, 'all'],
    cases: {
      compress({ data, format }, threads) {
        const codec = { gzip: [zlib.gzipSync, promisify(zlib.gzip), { level: 6 }], zstd: zlib.zstdCompressSync && [zlib.zstdCompressSync, promisify(zlib.zstdCompress), {}] }[format];
        if (!codec) return undefined;
        const [atOnce, inPool, options] = codec;
        return threads === 1 ? () => ({ data: atOnce(data, options) }) : () => inPieces(data, (piece) => inPool(piece, options));
      },
      decompress({ data, format }, threads) {
        const expand = { gzip: zlib.gunzipSync, zlib: zlib.inflateSync, zstd: zlib.zstdDecompressSync }[format];
        return expand && threads === 1 ? () => ({ data: expand(data) }) : undefined;
      },
    },
  },
];

/** As people do it who want all cores: pieces, each a member of its own, in the threads that Node has for it (UV_THREADPOOL_SIZE). */
async function inPieces(data, compress) {
  const pieces = Array.from({ length: Math.ceil(data.length / PIECE) }, (_, index) => data.subarray(index * PIECE, (index + 1) * PIECE));
  const made = Array(pieces.length);
  let next = 0;
  const one = async () => {
    while (next < pieces.length) {
      const index = next;
      next += 1;
      made[index] = await compress(pieces[index]);
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, one));
  return { data: Buffer.concat(made) };
}

let zstd;
async function loadZstd() {
  if (!zstd) {
    zstd = (await import('@bokuweb/zstd-wasm')).default;
    await zstd.init();
  }
  return zstd;
}

function buffer({ buffer: memory, byteOffset, byteLength }) {
  return Buffer.from(memory, byteOffset, byteLength);
}
