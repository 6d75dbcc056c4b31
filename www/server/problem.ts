// Failures as HTTP answers: application/problem+json (RFC 9457) with a stable `code`.
import { LoomworkError } from '../host/entry/node.ts';

/** What went wrong at the server itself, not in a kernel. */
export type ServerCode =
  | 'NOT_FOUND' | 'UNKNOWN_JOB' | 'METHOD_NOT_ALLOWED' | 'UNAUTHORIZED' | 'BODY_TOO_LARGE' | 'UNSUPPORTED_MEDIA_TYPE' | 'NOT_ACCEPTABLE' | 'BAD_REQUEST'
  | 'REQUEST_TIMEOUT' | 'HEADERS_TOO_LARGE' | 'RATE_LIMITED' | 'TIMEOUT' | 'CANCELLED' | 'STOPPING' | 'NOT_DONE' | 'INTERNAL';

/** The status of every code that an answer can have. */
export const STATUS: Record<ServerCode | LoomworkError['code'], number> = {
  BAD_PARAMS: 400, BAD_REQUEST: 400, UNAUTHORIZED: 401, NOT_FOUND: 404, UNKNOWN_KERNEL: 404, UNKNOWN_JOB: 404, METHOD_NOT_ALLOWED: 405, NOT_ACCEPTABLE: 406,
  REQUEST_TIMEOUT: 408, CANCELLED: 409, NOT_DONE: 409, BODY_TOO_LARGE: 413, UNSUPPORTED_MEDIA_TYPE: 415, KERNEL_ERROR: 422, RATE_LIMITED: 429, HEADERS_TOO_LARGE: 431,
  INTERNAL: 500, KERNEL_PANIC: 500, KERNEL_CRASH: 500, PROCESS_LOST: 500, UNSUPPORTED: 501, START_FAILED: 503, QUEUE_FULL: 503, QUEUE_LOST: 503, HOST_CLOSED: 503,
  STOPPING: 503, TIMEOUT: 504, OUT_OF_MEMORY: 507,
};

/** Answers that are worth another try, and after how many seconds. */
const RETRY_AFTER: Partial<Record<keyof typeof STATUS, number>> = { QUEUE_FULL: 1, HOST_CLOSED: 1, STOPPING: 1, START_FAILED: 5, QUEUE_LOST: 5 };

/** A failure of the server itself. */
export class HttpProblem extends Error {
  readonly code: ServerCode;
  readonly headers: Record<string, string>;

  constructor(code: ServerCode, message: string, headers: Record<string, string> = {}) {
    super(message);
    this.code = code;
    this.headers = headers;
  }
}

/** An answer's body. */
export interface Problem {
  type: 'about:blank';
  title: string;
  status: number;
  detail: string;
  code: string;
  field?: string;
  location?: string;
  data?: unknown;
}

/** Codes of the HTTP framework's own errors. */
const FRAMEWORK: Record<string, ServerCode> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'BODY_TOO_LARGE', FST_REQ_FILE_TOO_LARGE: 'BODY_TOO_LARGE', FST_ERR_CTP_INVALID_MEDIA_TYPE: 'UNSUPPORTED_MEDIA_TYPE',
  FST_INVALID_MULTIPART_CONTENT_TYPE: 'UNSUPPORTED_MEDIA_TYPE', FST_ERR_RATE_LIMIT: 'RATE_LIMITED',
};

/** What the HTTP parser says of bytes on a socket. */
export function clientProblem({ code, message }: NodeJS.ErrnoException): HttpProblem {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return new HttpProblem('REQUEST_TIMEOUT', 'the request did not come within the time that it may take');
  if (code === 'HPE_HEADER_OVERFLOW') return new HttpProblem('HEADERS_TOO_LARGE', 'the line and the headers of the request are too long');
  return new HttpProblem('BAD_REQUEST', `this is no HTTP request: ${message}`);
}

/** What is answered for whatever was thrown. */
export function problemOf(thrown: unknown): { problem: Problem; headers: Record<string, string> } {
  const { code, detail, more, headers } = read(thrown);
  const status = STATUS[code];
  const retry = RETRY_AFTER[code];
  return {
    problem: { type: 'about:blank', title: TITLES[status] ?? 'Error', status, detail, code, ...more },
    headers: { ...headers, ...(retry !== undefined && { 'retry-after': String(retry) }) },
  };
}

const TITLES: Record<number, string> = {
  400: 'Bad Request', 401: 'Unauthorized', 404: 'Not Found', 405: 'Method Not Allowed', 406: 'Not Acceptable', 408: 'Request Timeout', 409: 'Conflict', 413: 'Content Too Large',
  415: 'Unsupported Media Type', 422: 'Unprocessable Content', 429: 'Too Many Requests', 431: 'Request Header Fields Too Large', 500: 'Internal Server Error', 501: 'Not Implemented',
  503: 'Service Unavailable', 504: 'Gateway Timeout', 507: 'Insufficient Storage',
};

interface Read {
  code: keyof typeof STATUS;
  detail: string;
  more?: Partial<Problem>;
  headers?: Record<string, string>;
}

function read(thrown: unknown): Read {
  if (thrown instanceof LoomworkError) {
    const { code, message, field, location, data } = thrown;
    return { code, detail: message, more: { ...(field !== undefined && { field }), ...(location !== undefined && { location }), ...(data !== undefined && { data }) } };
  }
  if (thrown instanceof HttpProblem) return { code: thrown.code, detail: thrown.message, headers: thrown.headers };
  if (thrown instanceof DOMException && thrown.name === 'TimeoutError') return { code: 'TIMEOUT', detail: thrown.message };
  if (thrown instanceof DOMException && thrown.name === 'AbortError') return { code: 'CANCELLED', detail: thrown.message };
  const { code, statusCode, message } = thrown as { code?: string; statusCode?: number; message?: string };
  if (code !== undefined && FRAMEWORK[code]) return { code: FRAMEWORK[code], detail: message ?? code };
  // The framework's own word on a request that it cannot read.
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) return { code: statusCode === 429 ? 'RATE_LIMITED' : statusCode === 413 ? 'BODY_TOO_LARGE' : 'BAD_REQUEST', detail: message ?? 'the request cannot be read' };
  // What it was is in the log, not in the answer.
  return { code: 'INTERNAL', detail: 'the server made a mistake; its log tells more' };
}
