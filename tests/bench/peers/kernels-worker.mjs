// Piscina's worker of the HTTP peer: the same kernels as ours, on the worker's own thread.
import { createHost } from '../../../pkg/node.js';
import { load } from './load.mjs';

const { default: Piscina } = await load('piscina');
// The thread has nothing else to do: a kernel need not let go of it.
const host = await createHost({ backend: 'inline', slice: 60_000 });

export async function noop(params) {
  return host.run('noop', params);
}

export async function resize({ body, width, height }) {
  const { image } = await host.run('image.decode', { data: body }, { transfer: [body.buffer] });
  const small = await host.run('image.resize', { image, width, height }, { transfer: [image.data.buffer] });
  const { data } = await host.run('image.encode', { image: small.image, format: 'jpeg' }, { transfer: [small.image.data.buffer] });
  return Piscina.move(data);
}
