// The libraries that only the server needs: optional for who installs the package, and asked for when they are missing.
import { FailedError } from '../formats/errors.ts';

/** With the versions that this package is tested with. */
const NEEDED = ['fastify@5', '@fastify/accepts@5', '@fastify/multipart@10', '@fastify/rate-limit@11', 'prom-client@15'];

export interface Libraries {
  fastify: typeof import('fastify').default;
  LogController: typeof import('fastify').LogController;
  accepts: typeof import('@fastify/accepts').default;
  multipart: typeof import('@fastify/multipart').default;
  rateLimit: typeof import('@fastify/rate-limit').default;
  prometheus: typeof import('prom-client');
}

/** @throws FailedError that says what to install */
export async function loadLibraries(): Promise<Libraries> {
  try {
    const [fastify, accepts, multipart, rateLimit, prometheus] = await Promise.all([
      import('fastify'), import('@fastify/accepts'), import('@fastify/multipart'), import('@fastify/rate-limit'), import('prom-client'),
    ]);
    return { fastify: fastify.default, LogController: fastify.LogController, accepts: accepts.default, multipart: multipart.default, rateLimit: rateLimit.default, prometheus: prometheus.default };
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw thrown;
    throw new FailedError(`the server needs libraries that are not installed: npm install ${NEEDED.join(' ')}`, { cause: thrown });
  }
}
