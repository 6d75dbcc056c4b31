// What the server is told, checked before anything starts.
import { isIP } from 'node:net';
import { availableParallelism } from 'node:os';
import { UsageError } from '../formats/errors.ts';

/** Options of the server. Plain data: each of its processes gets a copy. */
export interface ServeOptions {
  /** Address to listen at. */
  host: string;
  /** 0 takes any free port. */
  port: number;
  /** Processes that share the port. */
  processes: number;
  /** Threads of each process's host. */
  threads: number;
  /** Bytes that a request's body may have. */
  maxBody: number;
  /** Jobs that may wait in each process. */
  maxQueue: number;
  /** Milliseconds that a job may take. */
  timeout: number;
  /** Milliseconds that a client may take to send a request. */
  requestTimeout: number;
  /** Requests that a client may make in a minute, in each process; 0 for any number. */
  rate: number;
  /** Addresses and networks of the proxies before it, with commas between: what they say of who a client is, is believed. Empty for none. */
  trustProxy: string;
  /** What a client must show (`Authorization: Bearer TOKEN`); empty for nothing. */
  token: string;
  /** Milliseconds that requests have to end when a process is to stop. */
  drain: number;
  /** Asynchronous jobs whose answers a process keeps, how long (milliseconds), and how many bytes of arrays in all. */
  kept: { jobs: number; time: number; bytes: number };
  log: 'silent' | 'error' | 'warn' | 'info' | 'debug';
  /** Log JSON lines on standard output; else only errors, on standard error. */
  json: boolean;
}

const MIB = 2 ** 20;

/** Fills in what is not said. */
export function serveOptions(given: Partial<ServeOptions> = {}): ServeOptions {
  const cores = availableParallelism();
  const processes = given.processes ?? Math.min(4, cores);
  const options: ServeOptions = {
    host: '127.0.0.1', port: 8080, processes, threads: Math.max(1, Math.ceil(cores / processes)), maxBody: 64 * MIB, maxQueue: 256, timeout: 60_000,
    requestTimeout: 30_000, rate: 0, trustProxy: '', token: '', drain: 30_000, kept: { jobs: 1000, time: 600_000, bytes: 256 * MIB }, log: 'info', json: false, ...given,
  };
  if (/[^\x21-\x7e]/.test(options.token)) throw new UsageError('must be printable ASCII without spaces', '--token-file');
  const wrong = options.trustProxy.split(',').find((text) => options.trustProxy !== '' && !isNetwork(text));
  if (wrong !== undefined) throw new UsageError(`'${wrong}' is no address or network: give such as 127.0.0.1,10.0.0.0/8`, '--trust-proxy');
  return options;
}

/** An address, or one with the bits that count after a slash. */
function isNetwork(text: string): boolean {
  const [, address = '', bits] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const version = isIP(address);
  return version !== 0 && (bits === undefined || Number(bits) <= (version === 4 ? 32 : 128));
}
