// The server described for machines: OpenAPI 3.1, made of what the kernels say of themselves.
import type { Catalogue, KernelDescription } from '../formats/catalogue.ts';
import { mediaTypesOf } from './answer.ts';
import type { ServeOptions } from './options.ts';
import { STATUS } from './problem.ts';

type Json = { [key: string]: unknown };

const BINARY = { 'application/x-npy': {}, 'application/octet-stream': {}, 'image/png': {}, 'image/jpeg': {}, 'image/webp': {} };
const ref = (name: string) => ({ $ref: `#/components/schemas/${name}` });
const problem = (description: string) => ({ description, content: { 'application/problem+json': { schema: ref('Problem') } } });
const PROBLEMS = Object.fromEntries(
  [[400, 'Params or a request that cannot be used.'], [401, 'No token, or a wrong one.'], [406, 'None of the accepted media types can be had.'], [408, 'The request did not come in time.'], [413, 'The body is too large.'], [415, 'The body is of a media type that cannot be read.'],
    [422, 'The kernel gave up and said why.'], [429, 'Too many requests.'], [431, 'The headers are too long.'], [500, 'The kernel panicked or crashed.'], [503, 'Too many jobs wait, or the server stops: try again.'], [504, 'The job took too long.'], [507, 'The job needs more memory than there is.']]
    .map(([status, description]) => [String(status), problem(String(description))]),
);
const JOB_ID = { name: 'id', in: 'path', required: true, schema: { type: 'string' } };

export function openApi(catalogue: Catalogue, version: string, { token }: ServeOptions): Json {
  const paths: Json = {};
  for (const kernel of catalogue.kernels) paths[`/v1/jobs/${kernel.name}`] = { post: postOf(catalogue, kernel) };
  const json = (description: string, schema: Json) => ({ description, content: { 'application/json': { schema } } });
  const missing = { 401: PROBLEMS['401'], 404: problem('There is no such job, or its answer is not kept any more.'), 429: PROBLEMS['429'] };
  Object.assign(paths, {
    '/v1/jobs/{id}': {
      get: { operationId: 'job', summary: 'How an asynchronous job is.', parameters: [JOB_ID], responses: { 200: json('The job.', ref('Job')), ...missing } },
      delete: { operationId: 'cancel', summary: 'Cancels an asynchronous job.', parameters: [JOB_ID], responses: { 200: json('The job.', ref('Job')), ...missing } },
    },
    '/v1/jobs/{id}/result': {
      get: { operationId: 'result', summary: 'The answer of an asynchronous job, as of the synchronous one.', parameters: [JOB_ID], responses: { 200: { description: 'The answer.', content: { 'application/json': {}, ...BINARY } }, ...PROBLEMS, ...missing, 409: problem('The job has not ended, or was cancelled.') } },
    },
    '/v1/jobs/{id}/events': {
      get: { operationId: 'events', summary: 'Server-sent events: progress, part, and at the end done, failed or cancelled.', parameters: [JOB_ID], responses: { 200: { description: 'Events.', content: { 'text/event-stream': {} } }, ...missing } },
    },
    '/v1/kernels': { get: { operationId: 'kernels', summary: 'The kernels, with JSON Schemas of what they take and give.', responses: { 200: json('The kernels.', { type: 'object' }), 401: PROBLEMS['401'] } } },
    '/healthz': { get: { operationId: 'healthz', summary: 'Whether the process is alive.', security: [], responses: { 200: json('It is.', { type: 'object' }) } } },
    '/readyz': { get: { operationId: 'readyz', summary: 'Whether it takes jobs.', security: [], responses: { 200: json('It does.', { type: 'object' }), 503: PROBLEMS['503'] } } },
    '/metrics': { get: { operationId: 'metrics', summary: 'Metrics for Prometheus, of all processes.', responses: { 200: { description: 'Metrics.', content: { 'text/plain': { schema: { type: 'string' } } } }, 401: PROBLEMS['401'] } } },
  });
  return {
    openapi: '3.1.0',
    info: { title: 'Loomwork', version, description: 'Runs Rust compute kernels, compiled to WebAssembly.', license: { name: 'MIT OR Apache-2.0', identifier: 'MIT OR Apache-2.0' } },
    servers: [{ url: '/' }],
    ...(token !== '' && { security: [{ token: [] }] }),
    paths,
    components: { ...(token !== '' && { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } }), schemas: { ...schemasOf(catalogue), Problem: PROBLEM, Job: JOB } },
  };
}

function postOf(catalogue: Catalogue, kernel: KernelDescription): Json {
  const fields = catalogue.fields(kernel.params);
  const binary = fields.filter(({ kind }) => kind.is === 'array' || kind.is === 'image');
  const plain = fields.filter((field) => !binary.includes(field));
  const properties = moved(catalogue.propertiesOf(kernel.params)) as Json;
  return {
    operationId: kernel.name,
    summary: kernel.about,
    parameters: [
      { name: 'async', in: 'query', description: 'Answer at once, with the job\'s id.', allowEmptyValue: true, schema: { type: 'string' } },
      ...plain.map(({ name, about }) => ({ name, in: 'query', description: about, schema: properties[name], required: false })),
    ],
    requestBody: {
      required: false,
      content: {
        'application/json': { schema: moved(kernel.params) },
        'multipart/form-data': { schema: { type: 'object', properties: Object.fromEntries(fields.map(({ name, kind }) => [name, kind.is === 'array' || kind.is === 'image' ? { type: 'string', format: 'binary' } : properties[name]])) } },
        ...(binary.length === 1 && BINARY),
      },
    },
    responses: {
      200: { description: 'The output, in the media type that is accepted best.', content: Object.fromEntries([...mediaTypesOf(catalogue, kernel).map((type) => [type, type === 'application/json' ? { schema: moved(kernel.output) } : {}]), ['text/event-stream', {}]]) as Json },
      202: { description: 'The job was taken (?async).', headers: { location: { schema: { type: 'string' } } }, content: { 'application/json': { schema: ref('Job') } } },
      ...PROBLEMS,
    },
  };
}

function schemasOf(catalogue: Catalogue): Json {
  return Object.fromEntries(Object.entries(catalogue.defs).map(([name, schema]) => [name, moved(schema)]));
}

/** A schema whose references point to where OpenAPI keeps them. What only TypeScript needs is left out. */
function moved(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(moved);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([key]) => key !== 'tsType');
  return Object.fromEntries(entries.map(([key, inner]) => [key, key === '$ref' ? String(inner).replace('#/$defs/', '#/components/schemas/') : moved(inner)]));
}

const PROBLEM: Json = {
  type: 'object',
  description: 'A failure (RFC 9457).',
  properties: {
    type: { type: 'string' }, title: { type: 'string' }, status: { type: 'integer' }, detail: { type: 'string', description: 'What is wrong, and what to do.' },
    code: { type: 'string', enum: Object.keys(STATUS), description: 'For programs: stable over releases.' }, field: { type: 'string', description: 'The param at fault.' },
    location: { type: 'string', description: 'The line of Rust of a panic.' }, data: { description: 'The kernel\'s own facts.' },
  },
  required: ['type', 'title', 'status', 'detail', 'code'],
};

const JOB: Json = {
  type: 'object',
  properties: {
    id: { type: 'string' }, kernel: { type: 'string' }, state: { type: 'string', enum: ['queued', 'running', 'done', 'failed', 'cancelled'] }, created: { type: 'string', format: 'date-time' },
    progress: { type: 'object', properties: { done: { type: 'number' }, total: { type: 'number' }, fraction: { type: 'number' } } },
    timing: { type: 'object', properties: { queued: { type: 'number' }, running: { type: 'number' }, retries: { type: 'integer' } } },
    result: { type: 'string', description: 'Where the answer is, once it is done.' }, events: { type: 'string' }, problem: { $ref: '#/components/schemas/Problem' },
  },
  required: ['id', 'kernel', 'state', 'created', 'progress', 'timing', 'events'],
};
