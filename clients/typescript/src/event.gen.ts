// Code generated from clients/schema/event.schema.json by clients/schema/generate. DO NOT EDIT.

/** What the actor is. */
export type ActorType = 'user' | 'system' | 'api_key';

/** How it ended. */
export type Outcome = 'success' | 'failure';

/** Who did it. */
export interface Actor {
  /** The actor's id, such as an account's. At most 255 bytes. */
  id: string;
  /** What the actor is. */
  type: ActorType;
  /** The actor's mail address. At most 255 bytes. */
  email?: string | null | undefined;
}

/** What it was done to. */
export interface Resource {
  /** The kind of thing, such as order. At most 100 bytes. */
  type: string;
  /** Which of them. At most 255 bytes. */
  id?: string | null | undefined;
}

/**
 * One audited action. Field names are case-sensitive, every name may be there once, null is the same
 * as absent. U+0000 is refused everywhere. At most 64 KiB and 64 levels deep.
 */
export interface AuditEvent {
  /** UUID; made up when absent. Stored in lower case. */
  id?: string | null | undefined;
  /**
   * When it was done: RFC 3339 with at most 9 fraction digits and no leap second, at most 24 hours
   * ahead; now when absent.
   */
  timestamp?: string | null | undefined;
  /** What was done, such as user.login. At most 100 bytes. */
  action: string;
  /** Who did it. Taken from the request's context when absent. */
  actor: Actor;
  /** What it was done to. */
  resource: Resource;
  /** How it ended. */
  outcome: Outcome;
  /** Why it ended so; for failures. At most 4 KiB. */
  reason?: string | null | undefined;
  /** Anything else; stored byte for byte. At most 48 KiB. */
  details?: Record<string, unknown> | null | undefined;
  /** The request that it was part of. At most 255 bytes. Taken from the request's context when absent. */
  request_id?: string | null | undefined;
  /**
   * The client's IPv4 or IPv6 address, without a zone; stored as sent. Taken from the request's context
   * when absent.
   */
  ip?: string | null | undefined;
  /** The client's User-Agent header. At most 4 KiB. Taken from the request's context when absent. */
  user_agent?: string | null | undefined;
  /**
   * The tenant or organization whose data it concerns. At most 255 bytes. Taken from the request's
   * context when absent.
   */
  organization_id?: string | null | undefined;
}

/** Longest values, in bytes of UTF-8; of details and event, in bytes of their JSON as it is sent. */
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
  /** Levels of objects and arrays; the event's own braces are level 1. */
  depth: 64,
} as const;
