// Content-Security-Policy, as far as it decides whether a page may start workers and compile wasm.
// After the CSP level 3 specification: several policies all have to allow a thing; a missing directive falls back to a wider one.

/** One policy: sources by directive. */
export type Policy = ReadonlyMap<string, readonly string[]>;

/** The policies of a header's value; commas separate them. */
export function parsePolicies(header: string): Policy[] {
  return header.split(',').map(parsePolicy).filter((policy) => policy.size > 0);
}

function parsePolicy(text: string): Policy {
  const directives = new Map<string, readonly string[]>();
  for (const part of text.split(';')) {
    const [name, ...sources] = part.trim().split(/\s+/);
    // Of a directive that is there twice, the first counts.
    if (name && !directives.has(name.toLowerCase())) directives.set(name.toLowerCase(), sources);
  }
  return directives;
}

/** The directive that decides, with its sources; undefined when the policy does not speak of it. */
export function effective(policy: Policy, chain: readonly string[]): { name: string; sources: readonly string[] } | undefined {
  const name = chain.find((directive) => policy.has(directive));
  return name === undefined ? undefined : { name, sources: policy.get(name)! };
}

/** Where the rule for a thing is looked up, narrowest first. */
export const CHAINS = {
  script: ['script-src', 'default-src'],
  worker: ['worker-src', 'child-src', 'script-src', 'default-src'],
  connect: ['connect-src', 'default-src'],
} as const;

/** Whether a source list allows a URL to a page. */
export function allows(sources: readonly string[], url: URL, page: URL): boolean {
  return sources.some((source) => matches(source, url, page));
}

function matches(source: string, url: URL, page: URL): boolean {
  const lower = source.toLowerCase();
  if (lower === "'self'") return url.origin === page.origin;
  if (lower === '*') return ['http:', 'https:', 'ws:', 'wss:', page.protocol].includes(url.protocol);
  if (/^[a-z][a-z\d+.-]*:$/.test(lower)) return url.protocol === lower || (lower === 'http:' && url.protocol === 'https:');
  const host = /^(?:([a-z][a-z\d+.-]*):\/\/)?(\*|(?:\*\.)?[^/:*']+)(?::(\d+|\*))?(\/.*)?$/i.exec(source);
  if (!host) return false;
  const [, scheme, name, port, path] = host;
  return matchesScheme(scheme?.toLowerCase(), url, page) && matchesHost(name!.toLowerCase(), url) && matchesPort(port, url) && matchesPath(path, url);
}

function matchesScheme(scheme: string | undefined, url: URL, page: URL): boolean {
  const wanted = scheme === undefined ? page.protocol : `${scheme}:`;
  return url.protocol === wanted || (wanted === 'http:' && url.protocol === 'https:');
}

function matchesHost(name: string, url: URL): boolean {
  if (name === '*') return true;
  return name.startsWith('*.') ? url.hostname.endsWith(name.slice(1)) : url.hostname === name;
}

function matchesPort(port: string | undefined, url: URL): boolean {
  if (port === '*') return true;
  return port === undefined ? url.port === '' : (url.port || { 'http:': '80', 'https:': '443' }[url.protocol]) === port;
}

function matchesPath(path: string | undefined, url: URL): boolean {
  if (path === undefined || path === '/') return true;
  return path.endsWith('/') ? url.pathname.startsWith(path) : url.pathname === path;
}
