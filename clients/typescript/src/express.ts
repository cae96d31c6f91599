/**
 * The middleware for Express, and for everything else that calls handlers with
 * `(request, response, next)` of node:http.
 *
 * @packageDocumentation
 */
import type { IncomingMessage, ServerResponse } from 'node:http';

import type { Audit } from './audit.js';
import { Web, type WebOptions } from './web.js';

export type { WebEvent, WebOptions } from './web.js';

/**
 * Gives each request its context and its `x-request-id`. Use it before everything
 * that records.
 */
export function auditMiddleware<Req extends IncomingMessage = IncomingMessage, Res extends ServerResponse = ServerResponse>(
  audit: Audit,
  options: WebOptions<Req, Res> = {},
): (request: Req, response: Res, next: (error?: unknown) => void) => void {
  const web = new Web(audit, options);
  return (request, response, next) => {
    const context = web.contextOf(request, request);
    response.setHeader('x-request-id', context.request_id);
    web.watch(request, response, { req: request, res: response }, context);
    audit.run(context, () => next());
  };
}
