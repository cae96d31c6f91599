import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { randomUUID } from 'node:crypto';
import type { AddressInfo, ListenOptions } from 'node:net';

import type { AuditEvent } from '../event.gen.js';
import { checkDetails, checkEnvelope } from '../validate.js';

/** How a request is not answered as it should be. */
export type Fault =
  | { status: number; headers?: Record<string, string>; body?: string | object }
  /** Ends the connection, without storing or after it. */
  | { cut: 'before_store' | 'after_store' }
  /** Takes the request and never answers. */
  | { stall: true };

export interface FakeSidecarOptions {
  /** Default: a free port on 127.0.0.1. */
  listen?: ListenOptions | undefined;
  /** The bearer token to ask for. Default: none. */
  token?: string | undefined;
}

/** A request that came, whatever became of it. */
export interface SeenRequest {
  readonly at: number; // performance.now()
  readonly headers: IncomingMessage['headers'];
  /** The events as they were sent. */
  readonly lines: readonly string[];
}

interface Problem {
  index: number;
  field: string;
  reason: string;
}

/**
 * A sidecar on a loopback port that keeps what it takes, in memory. It refuses what
 * the real one refuses, and recognises ids as the real one does.
 */
export class FakeSidecar {
  readonly stream = randomUUID();
  readonly requests: SeenRequest[] = [];

  /** Asked for each request that {@link FakeSidecar.next} has nothing for. */
  rule: ((request: SeenRequest) => Fault | undefined) | undefined;

  readonly #server: Server;
  readonly #token: string | undefined;
  readonly #stored = new Map<string, { event: AuditEvent; content: string; seq: number }>();
  readonly #faults: Fault[] = [];
  #waiting: { ready: () => boolean; resolve: () => void }[] = [];

  private constructor(token: string | undefined) {
    this.#token = token;
    this.#server = createServer((request, response) => void this.#serve(request, response));
  }

  static async start(options: FakeSidecarOptions = {}): Promise<FakeSidecar> {
    const sidecar = new FakeSidecar(options.token);
    await new Promise<void>((resolve, reject) => {
      sidecar.#server.once('error', reject);
      sidecar.#server.listen(options.listen ?? { host: '127.0.0.1', port: 0 }, resolve);
    });
    return sidecar;
  }

  get url(): string {
    const address = this.#server.address() as AddressInfo | string | null;
    return typeof address === 'object' && address !== null ? `http://127.0.0.1:${address.port}` : `unix:${address}`;
  }

  /** What is stored, in order. */
  get events(): AuditEvent[] {
    return [...this.#stored.values()].map((s) => s.event);
  }

  /** Faults for the next requests, one each. */
  next(...faults: Fault[]): void {
    this.#faults.push(...faults);
  }

  /** Resolves when so many events are stored. */
  stored(events: number): Promise<void> {
    return this.until(() => this.#stored.size >= events);
  }

  /** Resolves when a condition holds that a request may bring about. */
  until(ready: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push({ ready, resolve });
      this.#wake();
    });
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  #wake(): void {
    const ready = this.#waiting.filter((w) => w.ready());
    this.#waiting = this.#waiting.filter((w) => !ready.includes(w));
    ready.forEach((w) => w.resolve());
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of request as AsyncIterable<Buffer>) {
        chunks.push(chunk);
      }
    } catch {
      return; // the client is gone
    }
    const text = Buffer.concat(chunks).toString();
    const lines = text.split('\n').filter((line) => line.trim() !== '');
    const seen: SeenRequest = { at: performance.now(), headers: request.headers, lines };
    this.requests.push(seen);
    const fault = this.#faults.shift() ?? this.rule?.(seen);
    if (fault === undefined) {
      this.#answer(request, response, lines);
    } else if ('cut' in fault) {
      if (fault.cut === 'after_store') {
        this.#store(lines.map(read));
      }
      request.socket.destroy();
    } else if ('status' in fault) {
      const body = typeof fault.body === 'object' ? JSON.stringify(fault.body) : (fault.body ?? '');
      response.writeHead(fault.status, fault.headers ?? {}).end(body);
    } // else it stalls
    this.#wake();
  }

  #answer(request: IncomingMessage, response: ServerResponse, lines: readonly string[]): void {
    if (request.method !== 'POST' || request.url !== '/v1/events') {
      return problem(response, 404, 'not-found');
    }
    if (this.#token !== undefined && request.headers.authorization !== `Bearer ${this.#token}`) {
      return problem(response, 401, 'unauthorized');
    }
    const items = lines.map(read);
    const errors = faultsOf(items);
    if (errors.length > 0 || items.length === 0) {
      return problem(response, 400, 'invalid-event', errors);
    }
    const conflicts = items.flatMap(({ id, content }, index) => {
      const stored = this.#stored.get(id);
      const other = stored !== undefined && stored.content !== content;
      return other ? [{ index, field: 'id', reason: 'is the id of another event' }] : [];
    });
    if (conflicts.length > 0) {
      return problem(response, 409, 'conflict', conflicts);
    }
    const events = this.#store(items);
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ stream: this.stream, events }));
  }

  #store(items: readonly Item[]): { id: string; seq: number }[] {
    return items.map(({ id, event, content }) => {
      const seq = this.#stored.get(id)?.seq ?? this.#stored.size;
      if (seq === this.#stored.size) {
        this.#stored.set(id, { event: event as AuditEvent, content, seq });
      }
      return { id, seq };
    });
  }
}

interface Item {
  readonly event: unknown;
  readonly id: string;
  /** The same for events with the same fields, whatever their order. */
  readonly content: string;
}

function read(line: string): Item {
  let event: unknown;
  try {
    event = JSON.parse(line);
  } catch {
    return { event: undefined, id: line, content: line };
  }
  const { id, details, ...envelope } = (event ?? {}) as AuditEvent;
  return {
    event,
    // One that is sent without an id gets a new one each time.
    id: typeof id === 'string' ? id.toLowerCase() : randomUUID(),
    content: JSON.stringify([sorted(envelope), details ?? null]),
  };
}

/** The members that have a value, by name. */
function sorted(object: object): [string, unknown][] {
  return Object.entries(object)
    .filter(([, value]) => value !== null)
    .map(([name, value]): [string, unknown] => [name, typeof value === 'object' ? sorted(value as object) : value])
    .sort(([a], [b]) => (a < b ? -1 : 1));
}

function faultsOf(items: readonly Item[]): Problem[] {
  const first = new Map<string, number>();
  return items.flatMap(({ event, id }, index) => {
    const errors = event === undefined ? [{ field: '', reason: 'not valid JSON' }] : checkEnvelope(event);
    const details = (event as AuditEvent | null | undefined)?.details;
    if (details !== undefined && details !== null) {
      errors.push(...checkDetails(JSON.stringify(details)));
    }
    const before = first.get(id);
    if (before !== undefined) {
      errors.push({ field: 'id', reason: `is also the id of event ${before}` });
    }
    first.set(id, before ?? index);
    return errors.map((error) => ({ index, ...error }));
  });
}

function problem(response: ServerResponse, status: number, kind: string, errors: readonly Problem[] = []): void {
  const listed = errors.slice(0, 100);
  const body = { type: `urn:archiver:problem:${kind}`, title: kind, status, ...(listed.length > 0 ? { errors: listed } : {}) };
  response.writeHead(status, { 'content-type': 'application/problem+json' }).end(JSON.stringify(body));
}
