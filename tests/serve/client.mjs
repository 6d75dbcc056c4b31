// A client as a careful one is: a request whose connection broke before an answer came is sent again.
import { Agent, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

/** What tells that no process has answered. */
const BROKEN = ['ECONNRESET', 'ECONNREFUSED', 'EPIPE', 'ERR_STREAM_PREMATURE_CLOSE'];
const TRIES = 20;
const PAUSE_MS = 50;

export class Client {
  /** Requests that were sent again, and why the last one was. */
  again = 0;
  broken = '';
  #url;
  #agent;

  constructor(url, connections = 32) {
    this.#url = url;
    this.#agent = new Agent({ keepAlive: true, maxSockets: connections });
  }

  close() {
    this.#agent.destroy();
  }

  /** @returns {Promise<{ status: number, body: Buffer }>} */
  async send(path, { method = 'GET', headers = {}, body } = {}) {
    for (let tries = 1; ; tries += 1) {
      try {
        return await this.#once(path, method, headers, body);
      } catch (error) {
        if (!BROKEN.includes(error.code) || tries === TRIES) throw error;
        this.again += 1;
        this.broken = `${method} ${path} ${JSON.stringify(headers)}: ${error.code}`;
        await sleep(PAUSE_MS);
      }
    }
  }

  #once(path, method, headers, body) {
    return new Promise((resolve, reject) => {
      const sent = request(`${this.#url}${path}`, { method, headers, agent: this.#agent, timeout: 30_000 }, (answer) => {
        const chunks = [];
        answer.on('data', (chunk) => chunks.push(chunk));
        answer.on('end', () => resolve({ status: answer.statusCode, headers: answer.headers, body: Buffer.concat(chunks) }));
        answer.on('error', reject);
      });
      sent.on('timeout', () => sent.destroy(Object.assign(new Error('no answer within 30 s'), { code: 'TIMEOUT' })));
      sent.on('error', reject);
      sent.end(body);
    });
  }
}
