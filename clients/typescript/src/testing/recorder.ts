import { AssertionError } from 'node:assert';
import { isDeepStrictEqual } from 'node:util';

import { Audit, type AuditStats, type RecordOptions } from '../audit.js';
import { AuditClosed, AuditUnavailable } from '../errors.js';
import type { AuditEvent } from '../event.gen.js';
import { attempt, type AuditEventInput, type Prepared } from '../wire.js';

/** Some members of an event, of its actor, its resource and its details. */
export type EventPattern = {
  [K in keyof AuditEvent]?: AuditEvent[K] extends object | null | undefined
    ? Partial<NonNullable<AuditEvent[K]>>
    : AuditEvent[K];
};

/**
 * Has the client's interface, and keeps events in memory. Events are completed from
 * the context and checked as the client does it.
 */
export class AuditRecorder extends Audit {
  readonly #events: AuditEvent[] = [];
  #closed = false;

  /** While true, `record` fails as if there were no sidecar. */
  unavailable = false;

  /** What was recorded and enqueued, in order, as it would go over the wire. */
  get events(): readonly AuditEvent[] {
    return this.#events;
  }

  override async record(event: AuditEventInput, options: RecordOptions = {}): Promise<string> {
    const prepared = this.prepare('record', event);
    if (this.unavailable && options.policy !== 'fail_open_spooled') {
      const why = { cause: new Error('the recorder was told to be unavailable'), outcomeUnknown: false };
      throw new AuditUnavailable(attempt('record', prepared.event), why, [prepared.event]);
    }
    return this.#keep('record', prepared);
  }

  override async enqueue(event: AuditEventInput): Promise<string> {
    return this.#keep('enqueue', this.prepare('enqueue', event));
  }

  #keep(verb: string, { event, json }: Prepared): string {
    if (this.#closed) {
      throw new AuditClosed(`${attempt(verb, event)}: the recorder is closed`, [event]);
    }
    this.#events.push(JSON.parse(json) as AuditEvent);
    return event.id;
  }

  override async flush(): Promise<void> {}

  override async close(): Promise<void> {
    this.#closed = true;
  }

  override stats(): AuditStats {
    const events = this.#events.length;
    return {
      recorded: events,
      enqueued: 0,
      delivered: 0,
      deadLettered: 0,
      spoolBytes: 0,
      spoolEvents: 0,
      retries: 0,
      lastError: undefined,
      lastDeliveredAt: undefined,
    };
  }

  /** The events that have what pattern has. */
  find(pattern: EventPattern): AuditEvent[] {
    return this.#events.filter((event) => matches(event, pattern));
  }

  /**
   * Returns the first event with an action and what pattern has. Throws an
   * AssertionError that shows what was recorded instead.
   */
  expect(action: string, pattern: EventPattern = {}): AuditEvent {
    const wanted = { ...pattern, action };
    const [found] = this.find(wanted);
    if (found === undefined) {
      const seen = this.#events.map((event) => `\n  ${JSON.stringify(event)}`).join('');
      throw new AssertionError({
        message: `no event like ${JSON.stringify(wanted)}; recorded were ${this.#events.length} events:${seen}`,
        actual: this.#events,
        expected: wanted,
        operator: 'expect',
        stackStartFn: this.expect.bind(this),
      });
    }
    return found;
  }

  /** Forgets what was recorded. */
  clear(): void {
    this.#events.length = 0;
  }
}

/** Whether value has what pattern has; objects are compared member by member. */
function matches(value: unknown, pattern: unknown): boolean {
  if (typeof pattern !== 'object' || pattern === null || Array.isArray(pattern)) {
    return isDeepStrictEqual(value ?? undefined, pattern ?? undefined);
  }
  return (
    typeof value === 'object' &&
    value !== null &&
    Object.entries(pattern).every(([name, p]) => matches((value as Record<string, unknown>)[name], p))
  );
}
