// The HTTP peers: what people write who put piscina or sharp behind the framework that `loomwork serve` has, as a cluster of processes on one port.
//
//   node tests/bench/peers/fastify.mjs piscina|sharp PROCESSES THREADS
//
// Says its port, and ends with its standard input.
import cluster from 'node:cluster';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { load } from './load.mjs';

const BODY_LIMIT = 64 << 20;
const [impl, processes, threads] = process.argv.slice(2);

/** What answers the two routes. */
const implementations = {
  /** A worker takes one task after the other, as its README recommends for what computes; idle ones wait on shared memory. */
  async piscina() {
    const { default: Piscina } = await load('piscina');
    const filename = fileURLToPath(new URL('./kernels-worker.mjs', import.meta.url));
    const pool = new Piscina({ filename, minThreads: Number(threads), maxThreads: Number(threads), idleTimeout: 600_000 });
    return {
      noop: (params) => pool.run(params, { name: 'noop' }),
      resize: (body, width, height) => pool.run({ body, width, height }, { name: 'resize', transferList: [body.buffer] }),
    };
  },
  /** Each picture on one thread, as many at once as there are threads: UV_THREADPOOL_SIZE says so. */
  async sharp() {
    const { default: sharp } = await load('sharp');
    sharp.concurrency(1);
    // Each request is to be computed, as in the others.
    sharp.cache(false);
    return { resize: (body, width, height) => sharp(body).resize(width, height, { fit: 'fill', kernel: 'lanczos3' }).jpeg({ quality: 85 }).toBuffer() };
  },
};

if (cluster.isPrimary) {
  for (let number = 0; number < Number(processes); number += 1) cluster.fork({ UV_THREADPOOL_SIZE: threads });
  const ports = await Promise.all(Object.values(cluster.workers).map(async (worker) => (await once(worker, 'listening'))[0].port));
  console.log(ports[0]);
  process.stdin.on('end', () => process.exit(0)).resume();
} else {
  process.on('disconnect', () => process.exit(0));
  const [{ default: fastify }, { noop, resize }] = await Promise.all([load('fastify'), implementations[impl]()]);
  const app = fastify({ bodyLimit: BODY_LIMIT });
  app.addContentTypeParser('image/jpeg', { parseAs: 'buffer' }, (_, body, done) => done(null, body));
  if (noop) app.post('/v1/jobs/noop', (request) => noop(request.body));
  app.post('/v1/jobs/image.resize', async ({ body, query }, reply) => {
    const file = await resize(body, Number(query.width), Number(query.height));
    return reply.type('image/jpeg').send(Buffer.from(file.buffer, file.byteOffset, file.byteLength));
  });
  await app.listen({ port: 0, host: '127.0.0.1' });
}
