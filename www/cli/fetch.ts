// What the doctor fetches: bounded in time and size.

const FETCH_TIMEOUT_MS = 10_000;
/** A page or script longer than this is looked at up to here. */
const MOST_BYTES = 8 << 20;

/** A fetched resource. */
export interface Fetched {
  /** After redirects. */
  url: URL;
  status: number;
  headers: Headers;
  body: string;
}

/** Redirects are followed; of what is not text only the headers are read. */
export async function get(url: URL, signal: AbortSignal): Promise<Fetched> {
  const response = await fetch(url, { signal: AbortSignal.any([signal, AbortSignal.timeout(FETCH_TIMEOUT_MS)]), cache: 'no-store' });
  const isText = /html|javascript|ecmascript|json|text/.test(response.headers.get('content-type') ?? '');
  let body = '';
  if (isText && response.body) {
    const decoder = new TextDecoder();
    for await (const chunk of response.body) {
      body += decoder.decode(chunk as Uint8Array, { stream: true });
      if (body.length > MOST_BYTES) break;
    }
  } else {
    await response.body?.cancel();
  }
  return { url: new URL(response.url), status: response.status, headers: response.headers, body };
}

/** The innermost cause says what happened; fetch itself only says that it failed. */
export function fetchReason(error: unknown): string {
  if (error instanceof DOMException && error.name === 'TimeoutError') return `no answer within ${FETCH_TIMEOUT_MS / 1000} s`;
  const { cause, message } = error as Error;
  const code = (cause as NodeJS.ErrnoException | undefined)?.code;
  const reasons: Record<string, string> = { ECONNREFUSED: 'nothing listens there', ENOTFOUND: 'the host name is not known' };
  return reasons[code ?? ''] ?? (cause instanceof Error && cause.message !== '' ? cause.message : (code ?? message));
}
