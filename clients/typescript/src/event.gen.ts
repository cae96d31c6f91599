// Written by hand after internal/ingest/openapi.json, in the shape that the
// generator from the event's JSON Schema gives this file.

/** What kind of actor it is. */
export type ActorType = 'user' | 'system' | 'api_key';

/** How the action ended. */
export type Outcome = 'success' | 'failure';

/** Who did it. */
export interface Actor {
  /** Its id; 1 to 255 bytes. */
  id: string;
  type: ActorType;
  /** At most 255 bytes. */
  email?: string | null | undefined;
}

/** What it was done to. */
export interface Resource {
  /** Such as `order`; 1 to 100 bytes. */
  type: string;
  /** At most 255 bytes. */
  id?: string | null | undefined;
}

/**
 * One audited action, as it goes over the wire. `null` is the same as absent; an
 * empty string is a value. U+0000 is refused everywhere.
 */
export interface AuditEvent {
  /** UUID; made up when absent. Stored in lower case. */
  id?: string | null | undefined;
  /** RFC 3339 with at most 9 fraction digits, at most 24 hours ahead; now when absent. */
  timestamp?: string | null | undefined;
  /** What was done, such as `user.login`; 1 to 100 bytes. */
  action: string;
  actor: Actor;
  resource: Resource;
  outcome: Outcome;
  /** Why, for failures; at most 4 KiB. */
  reason?: string | null | undefined;
  /** Anything that is a JSON object; stored byte for byte. At most 48 KiB. */
  details?: Record<string, unknown> | null | undefined;
  /** At most 255 bytes. */
  request_id?: string | null | undefined;
  /** IPv4 or IPv6 address without a zone; stored as sent. */
  ip?: string | null | undefined;
  /** At most 4 KiB. */
  user_agent?: string | null | undefined;
  /** At most 255 bytes. */
  organization_id?: string | null | undefined;
}

/** Limits of the interface, in bytes of UTF-8 unless said otherwise. */
export const limits = {
  action: 100,
  'actor.id': 255,
  'actor.email': 255,
  'resource.type': 100,
  'resource.id': 255,
  reason: 4096,
  request_id: 255,
  user_agent: 4096,
  organization_id: 255,
  details: 49152,
  event: 65536,
  /** Levels of nesting; the event's own braces are level 1. */
  depth: 64,
} as const;
