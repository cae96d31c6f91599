/**
 * The client of archiver, an immutable archive of audit events.
 *
 * @packageDocumentation
 */
export { Audit, type AuditStats, type RecordOptions } from './audit.js';
export { AuditClient } from './client.js';
export type { AuditContext } from './context.js';
export {
  AuditClosed,
  AuditConflict,
  AuditError,
  AuditRejected,
  AuditSpoolFull,
  AuditUnavailable,
  type AuditErrorCode,
  type FieldError,
} from './errors.js';
export type { Actor, ActorType, AuditEvent, Outcome, Resource } from './event.gen.js';
export type { AuditClientOptions, DeadLetterReport, Policy } from './options.js';
export type { AuditEventInput } from './wire.js';
