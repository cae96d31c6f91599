import { AuditRejected, reasonOf, type FieldError } from './errors.js';
import type { AuditContext } from './context.js';
import { limits, type AuditEvent } from './event.gen.js';
import type { IdSource } from './uuid.js';
import { checkDetails, checkEnvelope } from './validate.js';

/**
 * What a caller gives: an {@link AuditEvent} whose actor may come from the context.
 */
export type AuditEventInput = Omit<AuditEvent, 'actor'> & { actor?: AuditEvent['actor'] | null | undefined };

/** An event that is complete, valid, and has its final bytes. */
export interface Prepared {
  readonly event: AuditEvent & { id: string; timestamp: string };
  /** Without line feeds; starts with `{"id":"…","timestamp":"…"`. */
  readonly json: string;
}

/**
 * Completes an event from the context, gives it id and timestamp, checks it and
 * writes its JSON: once, so that every try sends the same bytes. Throws
 * {@link AuditRejected}.
 */
export function prepare(verb: string, input: AuditEventInput, context: AuditContext | undefined, ids: IdSource): Prepared {
  const errors: FieldError[] = [];
  let event = input as AuditEvent;
  let cause: unknown;
  try {
    event = complete(input, context, ids);
  } catch (error) {
    cause = error;
    errors.push({ field: 'actor', reason: `cannot be asked for: ${reasonOf(error)}` });
  }
  if (cause === undefined) {
    errors.push(...checkEnvelope(event));
  }
  let details: string | undefined;
  try {
    details = detailsOf(event);
    if (details !== undefined) {
      errors.push(...checkDetails(details));
    }
  } catch (error) {
    // A cycle, a BigInt, a toJSON that throws.
    cause = error;
    errors.push({ field: 'details', reason: `is not JSON: ${reasonOf(error)}` });
  }
  let json = '';
  if (errors.length === 0) {
    json = encode(event, details);
    if (json.length * 3 > limits.event && Buffer.byteLength(json) > limits.event) {
      errors.push({ field: '', reason: `the event has ${Buffer.byteLength(json)} bytes; at most ${limits.event} are accepted` });
    }
  }
  if (errors.length > 0) {
    throw new AuditRejected(attempt(verb, event), errors, event, { cause });
  }
  return { event: event as Prepared['event'], json };
}

/** Names an event and what is done with it, for the start of an error's message. */
export function attempt(verb: string, event: AuditEvent | undefined): string {
  const parts = [verb, event?.action, event?.id].filter((p) => typeof p === 'string');
  return parts.join(' ');
}

function complete(input: AuditEventInput, context: AuditContext | undefined, ids: IdSource): AuditEvent {
  if (typeof input !== 'object' || input === null || Array.isArray(input)) {
    return input as AuditEvent; // which checkEnvelope refuses
  }
  const now = Date.now();
  // Written out: a copy that grows member by member costs more than all the rest.
  const event: AuditEvent = {
    id: input.id ?? ids.next(now),
    timestamp: input.timestamp ?? new Date(now).toISOString(),
    action: input.action,
    actor: (input.actor ?? actorOf(context)) as AuditEvent['actor'],
    resource: input.resource,
    outcome: input.outcome,
    reason: input.reason,
    details: traced(input.details, context?.traceparent),
    request_id: input.request_id ?? context?.request_id,
    ip: input.ip ?? context?.ip,
    user_agent: input.user_agent ?? context?.user_agent,
    organization_id: input.organization_id ?? context?.organization_id,
  };
  for (const name in input) {
    if (!(name in event)) {
      return { ...input, ...event }; // which checkEnvelope refuses, naming the field
    }
  }
  return event;
}

function actorOf(context: AuditContext | undefined): AuditEvent['actor'] | null | undefined {
  const actor = context?.actor;
  return typeof actor === 'function' ? actor() : actor;
}

/** Adds the traceparent to details, unless they have one or are not a plain object. */
function traced(details: AuditEvent['details'], traceparent: string | null | undefined): AuditEvent['details'] {
  if (traceparent === undefined || traceparent === null) {
    return details;
  }
  if (details === undefined || details === null) {
    return { traceparent };
  }
  if (typeof details !== 'object' || Array.isArray(details) || 'toJSON' in details || details['traceparent'] !== undefined) {
    return details;
  }
  return { ...details, traceparent };
}

function detailsOf(event: AuditEvent): string | undefined {
  const details: unknown = event?.details;
  return details === undefined || details === null ? undefined : JSON.stringify(details) ?? 'undefined';
}

/** Writes the event; id and timestamp come first, where the spool's reader finds them. */
function encode(event: AuditEvent, details: string | undefined): string {
  const { actor, resource } = event;
  const envelope = JSON.stringify({
    id: event.id,
    timestamp: event.timestamp,
    action: event.action,
    actor: { id: actor.id, type: actor.type, email: actor.email ?? undefined },
    resource: { type: resource.type, id: resource.id ?? undefined },
    outcome: event.outcome,
    reason: event.reason ?? undefined,
    request_id: event.request_id ?? undefined,
    ip: event.ip ?? undefined,
    user_agent: event.user_agent ?? undefined,
    organization_id: event.organization_id ?? undefined,
  });
  return details === undefined ? envelope : `${envelope.slice(0, -1)},"details":${details}}`;
}
