// The HTTP server of one process: its routes, and what holds for all of them.
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Catalogue, KernelDescription } from '../formats/catalogue.ts';
import type { AnyHost } from '../formats/images.ts';
import type { Params } from '../formats/values.ts';
import { VERSION, type Job, type RunOptions } from '../host/entry/node.ts';
import type { Admission, Turns } from './admission.ts';
import { answer, negotiate } from './answer.ts';
import { EventStream } from './events.ts';
import type { Libraries } from './libraries.ts';
import type { Metrics } from './metrics.ts';
import { openApi } from './openapi.ts';
import type { ServeOptions } from './options.ts';
import { decodePictures, readParams, type Decoded } from './params.ts';
import { clientProblem, HttpProblem, problemOf } from './problem.ts';
import { relay } from './relay.ts';
import { JobStore, type KeptJob } from './store.ts';

/** What the routes work with. */
export interface Place {
  options: ServeOptions;
  host: AnyHost;
  admission: Admission;
  /** Of requests with pictures. */
  turns: Turns;
  catalogue: Catalogue;
  store: JobStore;
  metrics: Metrics;
  /** Where the processes' sockets are. */
  folder: string;
  /** The metrics of all processes, as text. */
  allMetrics: () => Promise<string>;
  /** Whether it takes no more jobs. */
  stopping: () => boolean;
}

/** A connection on which nothing comes is closed after so long. */
export const KEEP_ALIVE_MS = 5000;
/** What is left of a refused request is read for so long. */
const THROW_AWAY_MS = 1000;
/** Parts of a multipart body. */
const MOST_PARTS = 64;
/** Beyond the length of any honest one. */
const MOST_URL = 16_384;
const OPEN = ['/healthz', '/readyz'];
/** For clients that use a wrong method. */
const METHODS: [RegExp, string][] = [
  [/^\/v1\/jobs\/[^/]+$/, 'POST, GET, DELETE'], [/^\/v1\/jobs\/[^/]+\/(result|events)$/, 'GET'], [/^\/(v1\/kernels|openapi\.json|healthz|readyz|metrics)$/, 'GET'],
];

export async function makeApp({ fastify, LogController, multipart, rateLimit, accepts }: Libraries, place: Place): Promise<FastifyInstance> {
  const { options } = place;
  const app = fastify({
    logger: {
      redact: ['req.headers.authorization'],
      ...(options.json ? { level: options.log } : { level: options.log === 'silent' ? 'silent' : 'error', stream: process.stderr }),
    },
    bodyLimit: options.maxBody,
    requestTimeout: options.requestTimeout,
    trustProxy: options.trustProxy || false,
    routerOptions: { maxParamLength: 200 },
    // A process that stops lets go of its connections one answer at a time.
    return503OnClosing: false,
    frameworkErrors: (thrown, request, reply) => void fail(thrown, request, reply),
    clientErrorHandler: refuseRaw,
    // One line for each request, below.
    logController: new LogController({ disableRequestLogging: true }),
    http: { connectionsCheckingInterval: 1000, maxHeaderSize: MOST_URL, headersTimeout: Math.min(options.requestTimeout, 30_000) },
  });
  app.server.keepAliveTimeout = KEEP_ALIVE_MS;
  app.setErrorHandler((thrown, request, reply) => fail(thrown, request, reply));
  app.setNotFoundHandler((request) => {
    const path = request.url.split('?')[0]!;
    const allowed = METHODS.find(([pattern]) => pattern.test(path))?.[1];
    if (allowed && !allowed.split(', ').includes(request.method)) throw new HttpProblem('METHOD_NOT_ALLOWED', `${request.method} is not for ${path}: it takes ${allowed}`, { allow: allowed });
    throw new HttpProblem('NOT_FOUND', `there is nothing at ${path}: see /openapi.json`);
  });
  app.addHook('onRequest', (request, _, done) => done(unlessAllowed(request, options.token)));
  app.addHook('onSend', (_request, reply, _payload, done) => {
    if (place.stopping()) void reply.header('connection', 'close');
    done();
  });
  app.addHook('onResponse', (request, reply, done) => {
    const { method, routeOptions, ip } = request;
    const { statusCode, elapsedTime } = reply;
    place.metrics.request(method, routeOptions.url ?? 'none', statusCode, elapsedTime);
    // Without the query, which may hold what is nobody's business.
    request.log.info({ method, path: request.url.split('?')[0], status: statusCode, ms: Math.round(elapsedTime * 1000) / 1000, ip }, 'request');
    done();
  });
  await app.register(accepts);
  if (options.rate > 0) {
    await app.register(rateLimit, {
      max: options.rate,
      timeWindow: 60_000,
      // What another process passes on was counted there.
      allowList: (request: FastifyRequest) => OPEN.includes(request.url) || request.socket.remoteAddress === undefined,
      errorResponseBuilder: (_: unknown, { after }: { after: string }) => new HttpProblem('RATE_LIMITED', `more than ${options.rate} requests in a minute: try again in ${after}`),
    });
  }
  await app.register(multipart, { limits: { fileSize: options.maxBody, fieldSize: options.maxBody, parts: MOST_PARTS, fieldNameSize: 200, headerPairs: 100 } });
  // What reads the params tells which there are.
  app.addContentTypeParser('*', (_request, _payload, done) => done(null));
  app.addContentTypeParser(/^(application\/(x-npy|octet-stream)|image\/(png|jpeg|webp))/, { parseAs: 'buffer' }, (_, body, done) => done(null, body));
  addRoutes(app, place);
  return app;
}

function addRoutes(app: FastifyInstance, place: Place): void {
  const { catalogue, store, folder } = place;
  const description = openApi(catalogue, VERSION, place.options);
  const kernels = { version: VERSION, kernels: catalogue.kernels.map(({ name, about, params, output, part }) => ({ name, about, params, output, part })), $defs: catalogue.defs };
  app.get('/healthz', () => ({ status: 'ok' }));
  app.get('/readyz', () => {
    if (place.stopping()) throw new HttpProblem('STOPPING', 'this process stops');
    return { status: 'ok' };
  });
  app.get('/metrics', async (_, reply) => reply.type('text/plain; version=0.0.4; charset=utf-8').send(await place.allMetrics()));
  app.get('/openapi.json', () => description);
  app.get('/v1/kernels', () => kernels);
  app.post('/v1/jobs/:kernel', { onRequest: (_request, _reply, done) => done(unlessRoom(place)) }, (request, reply) => run(place, request as KernelRequest, reply));

  const own = (handle: (kept: KeptJob, request: JobRequest, reply: FastifyReply) => unknown) => async (request: FastifyRequest, reply: FastifyReply) => {
    const { id } = (request as JobRequest).params;
    const processNumber = JobStore.processOf(id);
    if (processNumber !== undefined && !store.owns(id)) {
      void reply.hijack();
      return relay(folder, processNumber, request.raw, reply.raw).catch((thrown: unknown) => sendRaw(reply, thrown));
    }
    const kept = store.get(id);
    if (!kept) throw new HttpProblem('UNKNOWN_JOB', 'there is no such job, or its answer is not kept any more');
    return handle(kept, request as JobRequest, reply);
  };
  app.get('/v1/jobs/:id', own((kept) => statusOf(kept)));
  app.delete('/v1/jobs/:id', own(async (kept) => {
    kept.job.cancel();
    await kept.job.catch(() => {});
    return statusOf(kept);
  }));
  app.get('/v1/jobs/:id/result', own((kept, request, reply) => sendResult(place, kept, request, reply)));
  app.get('/v1/jobs/:id/events', own((kept, _, reply) => follow(kept, reply)));
}

type KernelRequest = FastifyRequest<{ Params: { kernel: string }; Querystring: { async?: string } }>;
type JobRequest = FastifyRequest<{ Params: { id: string } }>;

async function run(place: Place, request: KernelRequest, reply: FastifyReply): Promise<unknown> {
  const { catalogue, admission, options } = place;
  if (place.stopping()) throw new HttpProblem('STOPPING', 'this process stops: try again, another will answer');
  const kernel = catalogue.kernel(request.params.kernel);
  const detached = request.query.async !== undefined && !['false', '0'].includes(request.query.async);
  const streaming = !detached && request.headers.accept?.includes('text/event-stream') === true;
  const mediaType = streaming ? 'text/event-stream' : negotiate(catalogue, kernel, request);
  const params = await readParams(catalogue, kernel, request, options.maxBody);
  const leave = admission.enter();
  const controller = new AbortController();
  // Of all steps: a picture is decoded before the kernel, and encoded after it.
  const timer = setTimeout(() => controller.abort(new DOMException(`the job took longer than ${options.timeout} ms`, 'TimeoutError')), options.timeout);
  try {
    if (detached) return await detach(place, kernel, params, request, reply, controller.signal, leave);
    // A client that hangs up wants no answer.
    const hangUp = () => {
      if (!reply.raw.writableFinished) controller.abort(new DOMException('the client has hung up', 'AbortError'));
    };
    reply.raw.once('close', hangUp);
    // It may have done so while its body was read.
    if (reply.raw.destroyed) hangUp();
    const decoded = await decodePictures(params, place.host, place.turns, controller.signal);
    const job = begin(place, kernel, params, decoded, { signal: controller.signal, caller: request.ip });
    if (streaming) {
      const stream = new EventStream(reply, hangUp);
      const parts = tellParts(job, (part) => stream.send('part', part));
      await stream.follow(job, parts, true);
      return reply;
    }
    const output = ((await job) ?? {}) as Record<string, unknown>;
    return await answer(reply, catalogue, kernel, output, mediaType, place.host, controller.signal);
  } finally {
    clearTimeout(timer);
    if (!detached) leave();
  }
}

/** Hands the job to the host. What was lent is released when its kernel has stopped. */
function begin({ host, metrics }: Place, kernel: KernelDescription, params: Params, { transfer, release }: Decoded, options: RunOptions): Job {
  // It has begun already: it goes before those that have not, and its picture's memory is free the sooner.
  const job = host.run(kernel.name, params as never, { ...options, transfer, priority: release ? 1 : 0 });
  const count = () => metrics.job(job);
  job.then(count, count);
  if (release) void job.stopped.then(release);
  return job;
}

/** Answers at once: the job goes on, and may be asked about. It has its place until it ends. */
async function detach(place: Place, kernel: KernelDescription, params: Params, request: KernelRequest, reply: FastifyReply, signal: AbortSignal, leave: () => void): Promise<FastifyReply> {
  let kept: KeptJob;
  try {
    const decoded = await decodePictures(params, place.host, place.turns, signal);
    const job = begin(place, kernel, params, decoded, { timeout: place.options.timeout, caller: request.ip });
    job.then(leave, leave);
    kept = place.store.add(kernel, job);
  } catch (thrown) {
    leave();
    throw thrown;
  }
  // What fails at once is told at once.
  await new Promise((resolve) => setImmediate(resolve));
  if (kept.problem) throw await kept.job.catch((thrown: unknown) => thrown);
  return reply.status(202).header('location', `/v1/jobs/${kept.id}`).send(statusOf(kept));
}

function statusOf({ id, kernel, job, created, problem, output }: KeptJob): object {
  const base = `/v1/jobs/${id}`;
  return { id, kernel: kernel.name, state: job.state, created, progress: job.progress, timing: job.timing, events: `${base}/events`, ...(output && { result: `${base}/result` }), ...(problem && { problem }) };
}

async function sendResult({ catalogue, host }: Place, kept: KeptJob, request: JobRequest, reply: FastifyReply): Promise<unknown> {
  const { output, problem, kernel, job } = kept;
  if (problem) return reply.status(problem.status).type('application/problem+json').send(problem);
  if (!output) throw new HttpProblem('NOT_DONE', `the job is ${job.state}: wait for it at /v1/jobs/${kept.id}/events`);
  return answer(reply, catalogue, kernel, output, negotiate(catalogue, kernel, request), host, new AbortController().signal);
}

/** Events of an asynchronous job. Parts come from when the first reader is there. */
async function follow(kept: KeptJob, reply: FastifyReply): Promise<FastifyReply> {
  const { job, readers } = kept;
  const read = (part: unknown) => stream.send('part', part);
  const stream = new EventStream(reply, () => readers.delete(read));
  readers.add(read);
  if (kept.ended === undefined) kept.parts ??= tellParts(job, (part) => readers.forEach((tell) => tell(part)));
  await stream.follow(job, kept.parts, false);
  readers.delete(read);
  return reply;
}

async function tellParts(job: KeptJob['job'], tell: (part: unknown) => void): Promise<void> {
  try {
    for await (const part of job) tell(part);
  } catch {
    // Its end says so.
  }
}

/** Refused before its body is read: one that is read may find the places taken all the same. */
function unlessRoom({ admission }: Place): Error | undefined {
  try {
    admission.check();
    return undefined;
  } catch (thrown) {
    return thrown as Error;
  }
}

function unlessAllowed(request: FastifyRequest, token: string): HttpProblem | undefined {
  if (token === '' || OPEN.includes(request.url)) return undefined;
  const given = /^Bearer +(\S+) *$/i.exec(request.headers.authorization ?? '')?.[1];
  if (given !== undefined && sameText(given, token)) return undefined;
  return new HttpProblem('UNAUTHORIZED', 'this server wants a token: send Authorization: Bearer TOKEN', { 'www-authenticate': 'Bearer' });
}

/** In a time that does not tell how much of it is right. */
function sameText(a: string, b: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}

async function fail(thrown: unknown, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const { problem, headers } = problemOf(thrown);
  if (problem.status >= 500) request.log.error({ err: thrown, code: problem.code }, problem.detail);
  if (!request.raw.complete) await throwAway(request.raw);
  // The rest, nobody will read.
  if (!request.raw.complete) void reply.header('connection', 'close');
  return reply.status(problem.status).headers(headers).type('application/problem+json').send(problem);
}

/**
 * Reads on for a moment what is left of a body. A connection that is closed while a client still sends is reset, and the answer is lost with it; most
 * clients have soon sent all.
 */
async function throwAway(body: IncomingMessage): Promise<void> {
  body.resume();
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, THROW_AWAY_MS);
    for (const event of ['end', 'close', 'error']) {
      body.once(event, () => {
        clearTimeout(timer);
        resolve();
      });
    }
  });
}

/** What is no HTTP, or comes too slowly: there is no request yet, only a socket. */
function refuseRaw(thrown: NodeJS.ErrnoException, socket: Socket): void {
  // The client is gone already, or an answer has begun.
  if (thrown.code === 'ECONNRESET' || !socket.writable || socket.bytesWritten > 0) return void socket.destroy();
  const { problem } = problemOf(clientProblem(thrown));
  const body = JSON.stringify(problem);
  socket.end(`HTTP/1.1 ${problem.status} ${problem.title}\r\nContent-Type: application/problem+json; charset=utf-8\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`);
}

/** A failure where the framework does not answer any more. */
function sendRaw(reply: FastifyReply, thrown: unknown): void {
  const { problem, headers } = problemOf(thrown);
  reply.raw.writeHead(problem.status, { ...headers, 'content-type': 'application/problem+json' }).end(JSON.stringify(problem));
}

