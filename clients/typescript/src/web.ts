import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';

import type { Audit } from './audit.js';
import { isRequestId, isTraceparent, type AuditContext } from './context.js';
import { limits, type Actor } from './event.gen.js';
import { TrustedProxies } from './proxies.js';
import type { AuditEventInput } from './wire.js';

/** Options of the middlewares; Req and Res are the framework's. */
export interface WebOptions<Req, Res> {
  /** Addresses and CIDR blocks of proxies whose `X-Forwarded-For` is believed. Default: none. */
  trustedProxies?: readonly string[] | undefined;
  /** Who acts. It is asked when an event is made, so authentication may run later. */
  actor?: ((request: Req) => Actor | null | undefined) | undefined;
  /**
   * An event after each response: true for `http.<method>`, or a function that returns
   * it, or nothing for none. It is enqueued; outcome, if not given, is `success` below
   * status 400. Default: false.
   */
  event?: boolean | ((request: Req, response: Res) => WebEvent | null | undefined) | undefined;
  /** Called when that event could not be enqueued. Default: writes one line to standard error. */
  onError?: ((error: unknown) => void) | undefined;
}

/** An event whose outcome may come from the response. */
export type WebEvent = Omit<AuditEventInput, 'outcome'> & { outcome?: AuditEventInput['outcome'] | undefined };

/** The context of one request. */
export interface WebContext extends AuditContext {
  request_id: string;
}

/** What the middlewares have in common. */
export class Web<Req, Res> {
  readonly #audit: Audit;
  readonly #proxies: TrustedProxies;
  readonly #options: WebOptions<Req, Res>;

  constructor(audit: Audit, options: WebOptions<Req, Res>) {
    this.#audit = audit;
    this.#options = options;
    this.#proxies = new TrustedProxies(options.trustedProxies ?? []);
  }

  /** Reads the context of a request. */
  contextOf(request: Req, raw: IncomingMessage): WebContext {
    const { headers } = raw;
    const sent = headers['x-request-id'];
    const forwarded = headers['x-forwarded-for']; // Node joins its lines
    const traceparent = headers['traceparent'];
    const { actor } = this.#options;
    return {
      request_id: typeof sent === 'string' && isRequestId(sent) ? sent : randomUUID(),
      ip: this.#proxies.clientOf(raw.socket.remoteAddress, Array.isArray(forwarded) ? forwarded.join() : forwarded),
      user_agent: cut(headers['user-agent'], limits.user_agent),
      traceparent: typeof traceparent === 'string' && isTraceparent(traceparent) ? traceparent : undefined,
      ...(actor === undefined ? {} : { actor: () => actor(request) }),
    };
  }

  /** Arranges for the automatic event, if one is wanted. */
  watch(request: Req, response: Res, raw: { req: IncomingMessage; res: ServerResponse }, context: WebContext): void {
    if (this.#options.event === undefined || this.#options.event === false) {
      return;
    }
    // The last thing that a response emits, whether it was sent or cut off.
    raw.res.once('close', () => {
      this.#audit.run(context, () => {
        this.#enqueue(request, response, raw).catch(this.#options.onError ?? logError);
      });
    });
  }

  async #enqueue(request: Req, response: Res, { req, res }: { req: IncomingMessage; res: ServerResponse }): Promise<void> {
    const { event: hook } = this.#options;
    const event = typeof hook === 'function' ? hook(request, response) : defaultEvent(req, res, this.#options.actor?.(request));
    if (event === null || event === undefined) {
      return;
    }
    const sent = res.writableFinished;
    await this.#audit.enqueue({
      ...event,
      outcome: event.outcome ?? (sent && res.statusCode < 400 ? 'success' : 'failure'),
      reason: event.reason ?? (sent ? undefined : 'the connection ended before the response did'),
    });
  }
}

function defaultEvent(req: IncomingMessage, res: ServerResponse, actor: Actor | null | undefined): WebEvent {
  // A framework that mounts routers keeps the whole path aside.
  const url = (req as { originalUrl?: string }).originalUrl ?? req.url ?? '';
  return {
    action: `http.${(req.method ?? 'get').toLowerCase()}`,
    actor: actor ?? { id: 'anonymous', type: 'user' },
    resource: { type: 'http', id: cut(url.replace(/\?.*$/s, ''), limits['resource.id']) },
    details: { status: res.statusCode },
  };
}

/** Cuts what a client chose, so that it does not get its events refused. */
function cut(text: string | undefined, bytesMax: number): string | undefined {
  if (text === undefined || text.length * 3 <= bytesMax || Buffer.byteLength(text) <= bytesMax) {
    return text;
  }
  // In a stream, the decoder keeps an incomplete character back.
  return new TextDecoder().decode(Buffer.from(text).subarray(0, bytesMax), { stream: true });
}

function logError(error: unknown): void {
  console.error(`audit: ${error instanceof Error ? error.message : String(error)}`);
}
