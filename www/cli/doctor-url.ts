// What a page at a URL gives: isolation headers, a secure origin, a CSP that allows workers and wasm, and its worker and wasm files.
import { allows, CHAINS, effective, parsePolicies, type Policy } from './csp.ts';
import type { Finding } from './doctor.ts';
import { findFiles, type LinkedFile } from './doctor-files.ts';
import { FailedError, UsageError } from '../formats/errors.ts';
import { fetchReason, get, type Fetched } from './fetch.ts';

export async function examineUrl(text: string, signal: AbortSignal): Promise<Finding[]> {
  const asked = parseUrl(text);
  let page: Fetched;
  try {
    page = await get(asked, signal);
  } catch (error) {
    if (signal.aborted) throw error;
    throw new FailedError(`${asked.href} cannot be fetched: ${fetchReason(error)}`, { cause: error });
  }
  if (page.status !== 200) return [lack('Page', `${page.url.href} answers ${page.status}`, 'give the URL of a page that is there')];
  const policies = [...parsePolicies(page.headers.get('content-security-policy') ?? ''), ...metaPolicies(page.body)];
  const files = await findFiles(page, (url) => get(url, signal));
  return [
    fine('Page', `${page.url.href} (${page.headers.get('content-type') ?? 'no MIME type'})`),
    secureOrigin(page.url),
    opener(page.headers),
    embedder('Cross-Origin-Embedder-Policy', page.headers),
    wasmAllowed(policies),
    ...files.flatMap((file) => fileFindings(file, page.url, policies)),
    ...(files.length === 0 ? workersAllowed(policies, new URL('/worker.js', page.url), page.url) : []),
  ];
}

function parseUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return url;
  const guess = URL.canParse(`http://${text}`) && !text.includes('://') ? `: did you mean http://${text} ?` : '';
  throw new UsageError(`'${text}' is not an http or https URL${guess}`, 'URL');
}

function metaPolicies(html: string): Policy[] {
  const metas = html.match(/<meta\b[^>]*http-equiv\s*=\s*["']?content-security-policy\b[^>]*>/gi) ?? [];
  return metas.flatMap((meta) => parsePolicies(/\bcontent\s*=\s*("([^"]*)"|'([^']*)')/i.exec(meta)?.slice(2).find((text) => text !== undefined) ?? ''));
}

function secureOrigin({ protocol, hostname }: URL): Finding {
  const local = hostname === 'localhost' || hostname.endsWith('.localhost') || hostname === '[::1]' || /^127\./.test(hostname);
  if (protocol === 'https:') return fine('Secure origin', 'HTTPS');
  if (local) return fine('Secure origin', `${hostname} counts as secure`);
  return lack('Secure origin', 'plain HTTP, where browsers isolate no page', 'serve the page over HTTPS');
}

function opener(headers: Headers): Finding {
  const name = 'Cross-Origin-Opener-Policy';
  const value = headers.get(name);
  if (policyWord(value) === 'same-origin') return fine(name, 'same-origin');
  return lack(name, value === null ? missing(name, headers) : `'${value}' does not isolate the page`, addHeader(`${name}: same-origin`));
}

/** COEP is needed on the page and on each worker's own file. */
function embedder(label: string, headers: Headers): Finding {
  const name = 'Cross-Origin-Embedder-Policy';
  const value = headers.get(name);
  if (policyWord(value) === 'require-corp') return fine(label, 'require-corp');
  if (policyWord(value) === 'credentialless') return fine(label, 'credentialless (Safari does not know it: there, the page runs without threads)');
  return lack(label, value === null ? missing(name, headers) : `'${value}' does not isolate the page`, addHeader(`${name}: require-corp`));
}

function policyWord(value: string | null): string | undefined {
  return value?.split(';')[0]!.trim();
}

function missing(name: string, headers: Headers): string {
  return headers.has(`${name}-Report-Only`) ? 'only its Report-Only form is there, which changes nothing' : 'missing';
}

function wasmAllowed(policies: Policy[]): Finding {
  if (policies.length === 0) return fine('Content-Security-Policy', 'none, so nothing is blocked');
  for (const policy of policies) {
    const rule = effective(policy, CHAINS.script);
    if (rule && !rule.sources.some((source) => /^'(wasm-)?unsafe-eval'$/i.test(source))) {
      return lack('CSP for wasm', `${rule.name} ${rule.sources.join(' ')} blocks compiling wasm`, `add 'wasm-unsafe-eval' to ${rule.name === 'default-src' ? 'a script-src' : 'script-src'} of the Content-Security-Policy`);
    }
  }
  return fine('CSP for wasm', 'compiling is allowed');
}

function workersAllowed(policies: Policy[], url: URL, page: URL): Finding[] {
  if (policies.length === 0) return [];
  const name = 'CSP for workers';
  // A worker from another origin is started from a blob of its text.
  const started = url.origin === page.origin ? url : new URL('blob:loomwork');
  for (const policy of policies) {
    const rule = effective(policy, CHAINS.worker);
    if (!rule || allows(rule.sources, started, page)) continue;
    const source = started.protocol === 'blob:' ? 'blob:' : "'self'";
    const blocked = source === 'blob:' ? 'the blob that a worker from another origin starts from' : url.pathname;
    return [lack(name, `${rule.name} ${rule.sources.join(' ')} blocks ${blocked}`, `add ${source} to worker-src of the Content-Security-Policy: worker-src ${source}`)];
  }
  return [fine(name, 'workers may start')];
}

function fetchAllowed(policies: Policy[], url: URL, page: URL): Finding[] {
  const rule = policies.map((policy) => effective(policy, CHAINS.connect)).find((found) => found && !allows(found.sources, url, page));
  if (!rule) return [];
  return [lack(`CSP for ${url.pathname}`, `${rule.name} ${rule.sources.join(' ')} blocks fetching it`, `add ${url.origin === page.origin ? "'self'" : url.origin} to connect-src of the Content-Security-Policy`)];
}

function fileFindings(file: LinkedFile, page: URL, policies: Policy[]): Finding[] {
  const { url, kind, answer } = file;
  const label = url.origin === page.origin ? url.pathname : url.href;
  const rules = kind === 'worker' ? workersAllowed(policies, url, page) : fetchAllowed(policies, url, page);
  if (typeof answer === 'string') return [lack(label, `cannot be fetched: ${answer}`, `make it reachable; ${file.from} names it`), ...rules];
  if (answer.status !== 200) return [lack(label, `answers ${answer.status}`, `copy the package's ${kind} file there; ${file.from} names it`), ...rules];
  const sharing = url.origin === page.origin ? [] : [crossOrigin(label, answer.headers)];
  return [mimeType(label, kind, answer.headers), ...(kind === 'worker' ? [embedder(`${label}: Cross-Origin-Embedder-Policy`, answer.headers)] : []), ...sharing, ...rules];
}

function mimeType(label: string, kind: LinkedFile['kind'], headers: Headers): Finding {
  const type = headers.get('content-type');
  const [known, wanted] = kind === 'worker' ? [/\b(java|ecma)script\b/, 'text/javascript'] : [/^application\/wasm\b/, 'application/wasm'];
  if (type !== null && known.test(type)) return fine(label, `200, ${type}`);
  const consequence = kind === 'worker' ? 'with which browsers do not start it' : 'with which it cannot be compiled while it loads';
  return lack(label, `has ${type === null ? 'no MIME type' : `the MIME type ${type}`}, ${consequence}`, addHeader(`Content-Type: ${wanted}`));
}

/** An isolated page may load a file of another origin only when that allows it. */
function crossOrigin(label: string, headers: Headers): Finding {
  const name = `${label}: Access-Control-Allow-Origin`;
  const value = headers.get('access-control-allow-origin');
  return value === null ? lack(name, 'missing, and the file is of another origin', addHeader('Access-Control-Allow-Origin: *')) : fine(name, value);
}

function addHeader(line: string): string {
  return `add the header  ${line}`;
}

function fine(name: string, found: string): Finding {
  return { name, ok: true, found };
}

function lack(name: string, found: string, mend: string): Finding {
  return { name, ok: false, found, mend };
}
