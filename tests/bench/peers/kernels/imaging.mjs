// Pictures: sharp (libvips, an add-on), pica, glur, fast-png and jpeg-js (JavaScript), @jsquash (the wasm of Squoosh).
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { load } from '../load.mjs';

const require = createRequire(import.meta.url);

/** Browsers have one; @jsquash gives its answers as one. */
globalThis.ImageData ??= class ImageData {
  constructor(data, width, height) {
    Object.assign(this, { data, width, height });
  }
};

export const imaging = [
  {
    impl: 'sharp', kind: 'addon', threads: [1, 'all'],
    cases: {
      'image.decode': ({ data }, threads) => vips(threads, (sharp) => sharp(Buffer.from(data)).ensureAlpha().raw()),
      'image.resize': ({ image, width, height }, threads) => vips(threads, (sharp) => raw(sharp, image).resize(width, height, { fit: 'fill', kernel: 'lanczos3' }).raw()),
      'image.blur': ({ image, sigma }, threads) => (sigma === undefined ? undefined : vips(threads, (sharp) => raw(sharp, image).blur(sigma).raw())),
      'image.rotate': ({ image, angle }, threads) => vips(threads, (sharp) => raw(sharp, image).rotate(angle, { background: { r: 0, g: 0, b: 0, alpha: 0 } }).raw()),
      'image.convolve': ({ image, kernel }, threads) =>
        vips(threads, (sharp) => raw(sharp, image).convolve({ width: kernel[0].length, height: kernel.length, kernel: kernel.flat(), scale: 1 }).raw()),
      'image.encode': ({ image, format }, threads) => (format === 'png' ? vips(threads, (sharp) => raw(sharp, image).png()) : undefined),
      'image.pipeline': ({ data, steps }, threads) => {
        const [{ width, height }, { sigma }] = steps;
        return vips(threads, (sharp) => sharp(Buffer.from(data)).resize(width, height, { fit: 'fill', kernel: 'lanczos3' }).blur(sigma).png());
      },
    },
  },
  {
    impl: 'pica', kind: 'portable', threads: 1,
    cases: {
      async 'image.resize'({ image, width, height, filter }) {
        const pica = (await import('pica')).default({ features: ['js', 'wasm'] });
        const src = new Uint8Array(image.data.buffer);
        return async () => ({ image: { width, height, data: await pica.resizeBuffer({ src, width: image.width, height: image.height, toWidth: width, toHeight: height, filter }) } });
      },
    },
  },
  {
    impl: '@jsquash/resize', kind: 'portable', threads: 1,
    cases: {
      async 'image.resize'({ image, width, height, filter }) {
        const { default: resize, initResize } = await import('@jsquash/resize');
        await initResize(await wasm('@jsquash/resize', 'lib/resize/pkg/squoosh_resize_bg.wasm'));
        return async () => ({ image: await resize(image, { width, height, method: filter, linearRGB: false, premultiply: true, fitMethod: 'stretch' }) });
      },
    },
  },
  {
    impl: 'glur', kind: 'portable', threads: 1,
    cases: {
      async 'image.blur'({ image, sigma }) {
        if (sigma === undefined) return undefined;
        const { blurRGBA } = await import('glur');
        return () => {
          // It works in place; the picture is to be there for the next.
          const data = image.data.slice();
          blurRGBA(data, image.width, image.height, sigma);
          return { image: { ...image, data } };
        };
      },
    },
  },
  {
    impl: 'jpeg-js', kind: 'portable', threads: 1,
    cases: {
      async 'image.decode'({ data }) {
        const { default: jpeg } = await import('jpeg-js');
        return () => ({ image: jpeg.decode(data, { useTArray: true }) });
      },
    },
  },
  {
    impl: '@jsquash/jpeg', kind: 'portable', threads: 1,
    cases: {
      async 'image.decode'({ data }) {
        const { default: decode, init } = await import('@jsquash/jpeg/decode.js');
        await init(await wasm('@jsquash/jpeg', 'codec/dec/mozjpeg_dec.wasm'));
        return async () => ({ image: await decode(data.buffer) });
      },
    },
  },
  {
    impl: 'fast-png', kind: 'portable', threads: 1,
    cases: {
      async 'image.encode'({ image, format }) {
        const { encode } = await import('fast-png');
        return format === 'png' ? () => ({ data: encode({ ...image, channels: 4, depth: 8 }) }) : undefined;
      },
    },
  },
  {
    impl: '@jsquash/png', kind: 'portable', threads: 1,
    cases: {
      async 'image.encode'({ image, format }) {
        if (format !== 'png') return undefined;
        const { default: encode, init } = await import('@jsquash/png/encode.js');
        await init(await wasm('@jsquash/png', 'codec/pkg/squoosh_png_bg.wasm'));
        return async () => ({ data: new Uint8Array(await encode(image)) });
      },
    },
  },
];

/** Runs a chain of sharp's on so many threads: pixels as an image, a file as bytes. */
async function vips(threads, chain) {
  const { default: sharp } = await load('sharp');
  // Each run is to compute.
  sharp.cache(false);
  return async () => {
    sharp.concurrency(threads);
    const { data, info } = await chain(sharp).toBuffer({ resolveWithObject: true });
    return info.format === 'raw' ? { image: { width: info.width, height: info.height, data } } : { data };
  };
}

function raw(sharp, { width, height, data }) {
  return sharp(Buffer.from(data.buffer), { raw: { width, height, channels: 4 }, limitInputPixels: false });
}

/** A package's wasm, compiled: by themselves these packages fetch it. */
async function wasm(name, path) {
  const at = require.resolve(`${name}/package.json`).replace(/package\.json$/, path);
  return WebAssembly.compile(await readFile(at));
}
