import * as http from 'node:http';
import * as https from 'node:https';

import { version } from './version.js';

/** What the sidecar answered. */
export interface Answer {
  readonly status: number;
  /** Least time to wait before the next try, in milliseconds. */
  readonly retryAfterMs: number;
  readonly body: string;
}

/** There is no answer. */
export class TransportError extends Error {
  /** The request may have arrived. */
  readonly outcomeUnknown: boolean;

  constructor(message: string, outcomeUnknown: boolean, options?: ErrorOptions) {
    super(message, options);
    this.outcomeUnknown = outcomeUnknown;
  }
}

export interface TransportOptions {
  /** `http://…`, `https://…` or `unix:/path/to/socket`. */
  readonly url: string;
  readonly token: string | undefined;
  /** Its connections do not keep the process alive. */
  readonly background: boolean;
}

const answerBytesMax = 16 << 20;
const retryAfterMaxMs = 60_000;

/** Posts events over connections that it keeps open. */
export class Transport {
  readonly #url: string;
  readonly #background: boolean;
  readonly #request: typeof http.request;
  readonly #agent: http.Agent;
  readonly #options: http.RequestOptions;
  readonly #inFlight = new Set<http.ClientRequest>();

  constructor({ url, token, background }: TransportOptions) {
    const target = targetOf(url);
    const secure = target.protocol === 'https:';
    this.#url = url;
    this.#background = background;
    this.#request = secure ? https.request : http.request;
    this.#agent = new (secure ? https.Agent : http.Agent)({ keepAlive: true });
    this.#options = {
      ...target,
      method: 'POST',
      agent: this.#agent,
      headers: {
        'content-type': 'application/x-ndjson',
        'user-agent': `audit-archiver-ts/${version}`,
        ...(target.socketPath === undefined ? {} : { host: 'localhost' }),
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
    };
  }

  /**
   * Posts a body of JSON lines. Throws {@link TransportError} when there is no
   * complete answer within so many milliseconds, or at {@link Transport.abort}.
   */
  post(body: Buffer, timeoutMs: number): Promise<Answer> {
    return new Promise((resolve, reject) => {
      let connected = false;
      const request = this.#request({ ...this.#options, headers: { ...this.#options.headers, 'content-length': body.length } });
      const timer = setTimeout(() => request.destroy(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
      this.#inFlight.add(request);
      const end = (): void => {
        clearTimeout(timer);
        this.#inFlight.delete(request);
      };
      const fail = (cause: Error): void => {
        end();
        reject(new TransportError(`POST ${this.#url}: ${cause.message}`, connected, { cause }));
      };
      request.on('socket', (socket) => {
        connected = !socket.connecting; // a connection that was kept is
        if (socket.connecting) {
          socket.once('connect', () => {
            connected = true;
          });
        }
        if (this.#background) {
          timer.unref();
          socket.unref();
        }
      });
      request.on('error', fail);
      request.on('response', (response) => {
        const succeed = (text: string): void => {
          end();
          const retryAfterMs = retryAfterOf(response.headers['retry-after'], Date.now());
          resolve({ status: response.statusCode ?? 0, retryAfterMs, body: text });
        };
        collect(response, succeed, (error) => request.destroy(error), fail);
      });
      request.end(body);
    });
  }

  /** Ends the requests that are under way. */
  abort(): void {
    for (const request of this.#inFlight) {
      request.destroy(new Error('the client was closed'));
    }
  }

  /** Closes idle connections. */
  close(): void {
    this.#agent.destroy();
  }
}

const httpDate = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/;

/**
 * What a `Retry-After` header (RFC 9110, section 10.2.3) asks for, in milliseconds, of
 * which 60 s count. One that cannot be read asks for nothing.
 */
export function retryAfterOf(header: string | undefined, now: number): number {
  let ms = 0;
  if (header !== undefined && /^\d+$/.test(header)) {
    ms = Number(header) * 1000;
  } else if (header !== undefined && httpDate.test(header)) {
    ms = Date.parse(header) - now;
  }
  return Math.min(retryAfterMaxMs, Math.max(0, ms));
}

/** Where `/v1/events` of a sidecar is. Throws a TypeError that says what is wrong with url. */
export function targetOf(url: string): http.RequestOptions {
  if (url.startsWith('unix:')) {
    const socketPath = url.slice('unix:'.length).replace(/^\/\/(?=\/)/, '');
    if (!socketPath.startsWith('/')) {
      throw new TypeError(`url ${url}: unix: needs an absolute path`);
    }
    return { protocol: 'http:', socketPath, path: '/v1/events' };
  }
  let parsed: URL;
  try {
    parsed = new URL(url);
  } catch (cause) {
    throw new TypeError(`url ${url}: is not a URL`, { cause });
  }
  if (parsed.protocol !== 'http:' && parsed.protocol !== 'https:') {
    throw new TypeError(`url ${url}: must start with http://, https:// or unix:`);
  }
  return {
    protocol: parsed.protocol,
    hostname: parsed.hostname.replace(/^\[(.*)\]$/, '$1'),
    ...(parsed.port === '' ? {} : { port: parsed.port }),
    path: `${parsed.pathname.replace(/\/+$/, '')}/v1/events`,
  };
}

/** Reads an answer. Events, not an iterator: it is on the path of each batch. */
function collect(
  response: http.IncomingMessage,
  succeed: (text: string) => void,
  destroy: (error: Error) => void,
  fail: (error: Error) => void,
): void {
  const chunks: Buffer[] = [];
  let bytes = 0;
  response.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    chunks.push(chunk);
    if (bytes > answerBytesMax) {
      destroy(new Error(`the answer has more than ${answerBytesMax} bytes`));
    }
  });
  response.on('end', () => succeed(Buffer.concat(chunks).toString()));
  response.on('error', fail); // also when the connection ends before the answer does
}
