import { AsyncLocalStorage } from 'node:async_hooks';

import type { AuditContext } from './context.js';
import type { Policy } from './options.js';
import { IdSource } from './uuid.js';
import { prepare, type AuditEventInput, type Prepared } from './wire.js';

/** Options of one call of {@link Audit.record}. */
export interface RecordOptions {
  /** Instead of the action's policy. */
  policy?: Policy | undefined;
}

/** Counters since the client was made. Those of the spool are about this client's own. */
export interface AuditStats {
  /** Events that the sidecar confirmed to `record`. */
  readonly recorded: number;
  /** Events that were written to the spool. */
  readonly enqueued: number;
  /** Events that the sender delivered, those of ended processes included. */
  readonly delivered: number;
  readonly deadLettered: number;
  /** Bytes and events that are neither delivered nor dead-lettered. */
  readonly spoolBytes: number;
  readonly spoolEvents: number;
  /** Requests that were sent again, or will be. */
  readonly retries: number;
  /** What went wrong last in the background, and when it did. */
  readonly lastError: { readonly at: Date; readonly error: Error } | undefined;
  readonly lastDeliveredAt: Date | undefined;
}

/**
 * What an application calls: the client, and in tests the recorder of
 * `@audit-archiver/client/testing`. It carries the context of requests.
 */
export abstract class Audit {
  readonly #context = new AsyncLocalStorage<AuditContext>();
  readonly #ids = new IdSource();

  /**
   * Resolves with the event's id when the sidecar has the event on its disk. Throws
   * {@link AuditRejected}, {@link AuditConflict}, {@link AuditUnavailable} or
   * {@link AuditClosed}: then do not perform the action.
   */
  abstract record(event: AuditEventInput, options?: RecordOptions): Promise<string>;

  /**
   * Resolves with the event's id when the event is written to the spool, from which
   * it is delivered in the background, in order, even if this process ends. Throws
   * {@link AuditRejected}, {@link AuditSpoolFull}, {@link AuditClosed}, or
   * {@link AuditUnavailable} when the disk fails.
   */
  abstract enqueue(event: AuditEventInput): Promise<string>;

  /**
   * Resolves when everything that was enqueued before the call is delivered or
   * dead-lettered; throws {@link AuditUnavailable} when that takes longer than
   * timeoutMs (default 10 s). Nothing is lost then: it stays in the spool.
   */
  abstract flush(timeoutMs?: number): Promise<void>;

  /**
   * Takes no more events, flushes for at most timeoutMs (default 5 s), and gives the
   * spool back. What is left is delivered by the next process that uses it.
   */
  abstract close(timeoutMs?: number): Promise<void>;

  abstract stats(): AuditStats;

  /**
   * Calls fn, and what it awaits and schedules, with a context. What the context
   * around it has, and this one does not, is kept.
   */
  run<T>(context: AuditContext, fn: () => T): T {
    const outer = this.#context.getStore();
    return this.#context.run(outer === undefined ? context : { ...outer, ...context }, fn);
  }

  /** The context of the running request, if there is one. */
  context(): Readonly<AuditContext> | undefined {
    return this.#context.getStore();
  }

  /** Records `user.login` on a `session`. Call it for failures, too. */
  logLogin(userId: string, success: boolean, details?: Record<string, unknown>): Promise<string> {
    return this.record({
      action: 'user.login',
      actor: { id: userId, type: 'user' },
      resource: { type: 'session' },
      outcome: success ? 'success' : 'failure',
      details,
    });
  }

  /** Records `<resourceType>.read`. */
  logDataAccess(actorId: string, resourceType: string, resourceId: string): Promise<string> {
    return this.record({
      action: `${resourceType}.read`,
      actor: { id: actorId, type: 'user' },
      resource: { type: resourceType, id: resourceId },
      outcome: 'success',
    });
  }

  /** Records `<resourceType>.<action>` with what was there before and after, as far as given. */
  logDataChange(
    actorId: string,
    resourceType: string,
    resourceId: string,
    action: 'create' | 'update' | 'delete',
    changes?: { before?: unknown; after?: unknown },
  ): Promise<string> {
    const given = Object.entries({ before: changes?.before, after: changes?.after }).filter(([, v]) => v !== undefined);
    return this.record({
      action: `${resourceType}.${action}`,
      actor: { id: actorId, type: 'user' },
      resource: { type: resourceType, id: resourceId },
      outcome: 'success',
      details: given.length > 0 ? Object.fromEntries(given) : undefined,
    });
  }

  /** Closes; for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Completes an event from the context and checks it. Throws {@link AuditRejected}. */
  protected prepare(verb: string, event: AuditEventInput): Prepared {
    return prepare(verb, event, this.#context.getStore(), this.#ids);
  }
}
