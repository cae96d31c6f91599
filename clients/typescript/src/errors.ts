import type { AuditEvent } from './event.gen.js';

/** One thing that is wrong with an event. */
export interface FieldError {
  /** Path such as `actor.id`; empty: the event as a whole. */
  field: string;
  /** For the person who has to mend the sender. */
  reason: string;
}

/** What kind of {@link AuditError} it is: for code that cannot use `instanceof`. */
export type AuditErrorCode = 'rejected' | 'conflict' | 'unavailable' | 'spool_full' | 'closed';

/** What this package throws. The message says what was attempted on which event. */
export abstract class AuditError extends Error {
  abstract readonly code: AuditErrorCode;

  /** The events that were not recorded, completed as far as they were. */
  readonly events: readonly AuditEvent[];

  constructor(message: string, events: readonly AuditEvent[], options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.events = events;
  }

  /** The first of {@link events}. */
  get event(): AuditEvent | undefined {
    return this.events[0];
  }
}

/** The event can never be stored as it is: mend it. */
export class AuditRejected extends AuditError {
  readonly code = 'rejected';
  readonly errors: readonly FieldError[];

  constructor(attempt: string, errors: readonly FieldError[], event: AuditEvent, options?: ErrorOptions) {
    super(`${attempt}: rejected: ${describe(errors)}`, [event], options);
    this.errors = errors;
  }
}

/** Another event with this id, but other content, is stored already. */
export class AuditConflict extends AuditError {
  readonly code = 'conflict';
  readonly errors: readonly FieldError[];

  constructor(attempt: string, errors: readonly FieldError[], event: AuditEvent) {
    super(`${attempt}: conflict: ${describe(errors)}`, [event]);
    this.errors = errors;
  }
}

/** Why an {@link AuditUnavailable} was thrown. */
export interface Unavailability {
  /** The last thing that went wrong. */
  cause?: unknown;
  /** The HTTP status of the last answer, if there was one. */
  status?: number | undefined;
  /** The event may have been stored all the same. */
  outcomeUnknown: boolean;
}

/**
 * Not stored, or not known to be stored, until the deadline. Trying again with the
 * same event, id included, is safe: it is stored once.
 */
export class AuditUnavailable extends AuditError {
  readonly code = 'unavailable';
  readonly status: number | undefined;
  readonly outcomeUnknown: boolean;

  constructor(attempt: string, why: Unavailability, events: readonly AuditEvent[]) {
    super(`${attempt}: ${reasonOf(why.cause)}`, events, { cause: why.cause });
    this.status = why.status;
    this.outcomeUnknown = why.outcomeUnknown;
  }
}

/** The spool held `spoolMaxBytes` for the whole `enqueueTimeoutMs`. */
export class AuditSpoolFull extends AuditError {
  readonly code = 'spool_full';
}

/** The client is closed. */
export class AuditClosed extends AuditError {
  readonly code = 'closed';
}

/** What an error says, for the end of another one's message. */
export function reasonOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}

/** Whether a file system call failed with this code, such as `ENOENT`. */
export function hasCode(error: unknown, ...codes: string[]): boolean {
  return error instanceof Error && codes.includes((error as NodeJS.ErrnoException).code ?? '');
}

function describe(errors: readonly FieldError[]): string {
  return errors.map((e) => (e.field === '' ? e.reason : `${e.field} ${e.reason}`)).join('; ');
}
