import type { Actor } from './event.gen.js';

/**
 * What a request knows about itself, under the names that events have for it. An
 * event that has no value of its own for a field takes the context's.
 */
export interface AuditContext {
  request_id?: string | null | undefined;
  ip?: string | null | undefined;
  user_agent?: string | null | undefined;
  /** Who acts, or a function that is asked when an event is made: authentication may run later. */
  actor?: Actor | (() => Actor | null | undefined) | null | undefined;
  organization_id?: string | null | undefined;
  /** W3C Trace Context; goes to `details.traceparent` unless details have one. */
  traceparent?: string | null | undefined;
}

const requestId = /^[A-Za-z0-9._:@/+=-]{1,128}$/;
const traceparent = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;

/** Whether a request id that somebody sent may be taken over. */
export function isRequestId(s: string): boolean {
  return requestId.test(s);
}

/** Whether s is a valid `traceparent` of version 00 (W3C Trace Context, section 3.2). */
export function isTraceparent(s: string): boolean {
  return traceparent.test(s);
}
