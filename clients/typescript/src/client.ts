import { Audit, type AuditStats, type RecordOptions } from './audit.js';
import { fullJitter } from './backoff.js';
import { AuditClosed, AuditUnavailable } from './errors.js';
import type { AuditEvent } from './event.gen.js';
import { policyFor, resolveOptions, type AuditClientOptions, type ResolvedOptions } from './options.js';
import { sendDirectly } from './direct.js';
import { Sender } from './sender.js';
import { DeadLetterFile, type DeadLetter } from './spool/deadletter.js';
import { Spool } from './spool/spool.js';
import { Transport } from './transport.js';
import { attempt, type AuditEventInput } from './wire.js';

const adoptIntervalMs = 30_000;

/**
 * The client of one sidecar. It never loses an event quietly: what `record` and
 * `enqueue` accepted is stored once, and what they did not accept they throw.
 *
 * Make one per process, or per worker thread, and use it everywhere. It does not
 * keep the process alive by itself; call {@link AuditClient.close} at the end, or
 * let the next process deliver what is left.
 */
export class AuditClient extends Audit {
  readonly #o: ResolvedOptions;
  readonly #transport: Transport; // of record, whose callers wait
  readonly #background: Transport; // of the sender
  readonly #deadLetters: DeadLetterFile;
  readonly #spool: Spool;
  readonly #sender: Sender;
  readonly #recording = new Set<Promise<unknown>>();
  readonly #adoptTimer: NodeJS.Timeout;
  #adopting: Promise<void>;
  #closing: Promise<void> | undefined;
  #recorded = 0;
  #enqueued = 0;
  #delivered = 0;
  #deadLettered = 0;
  #retries = 0;
  #lastError: AuditStats['lastError'];
  #lastDeliveredAt: Date | undefined;

  /** Throws a TypeError or a RangeError when an option is wrong. */
  constructor(options: AuditClientOptions = {}) {
    super();
    const o = resolveOptions(options);
    this.#o = o;
    this.#transport = new Transport({ url: o.url, token: o.token, background: false });
    this.#background = new Transport({ url: o.url, token: o.token, background: true });
    this.#deadLetters = new DeadLetterFile(o.spoolDir);
    this.#sender = new Sender({
      transport: this.#background,
      deadLetters: this.#deadLetters,
      host: {
        pending: () => ({ events: this.#spool.events, bytes: this.#spool.bytes }),
        delivered: (own, events) => this.#onDelivered(own, events),
        deadLettered: (own, letters) => this.#onDeadLettered(own, letters),
        retrying: (error) => {
          this.#retries++;
          this.#note(error);
        },
        failed: (error) => this.#note(error),
      },
      batch: { events: o.batchEvents, bytes: o.batchBytes },
      lingerMs: o.lingerMs,
      requestTimeoutMs: o.requestTimeoutMs,
      backoff: fullJitter,
    });
    this.#spool = new Spool({
      dir: o.spoolDir,
      maxBytes: o.spoolMaxBytes,
      sync: o.spoolSync,
      syncIntervalMs: o.spoolSyncIntervalMs,
      enqueueTimeoutMs: o.enqueueTimeoutMs,
      onBacklog: (backlog, own) => this.#sender.add(backlog, own),
      onAppend: () => this.#sender.notify(),
      onError: (error) => this.#note(error),
    });
    this.#adopting = this.#adopt();
    this.#adoptTimer = setInterval(() => {
      this.#adopting = this.#adopting.then(() => this.#adopt());
    }, adoptIntervalMs).unref();
  }

  override async record(event: AuditEventInput, options: RecordOptions = {}): Promise<string> {
    const prepared = this.prepare('record', event);
    this.#checkOpen('record', prepared.event);
    const sent = sendDirectly(prepared, {
      transport: this.#transport,
      recordTimeoutMs: this.#o.recordTimeoutMs,
      requestTimeoutMs: this.#o.requestTimeoutMs,
      backoff: fullJitter,
      onRetry: () => this.#retries++,
    });
    this.#recording.add(sent);
    try {
      await sent;
      this.#recorded++;
    } catch (error) {
      const policy = options.policy ?? policyFor(prepared.event.action, this.#o.policies);
      if (!(error instanceof AuditUnavailable) || policy !== 'fail_open_spooled') {
        throw error;
      }
      this.#checkOpen('record', prepared.event);
      await this.#spool.enqueue(prepared);
      this.#enqueued++;
    } finally {
      this.#recording.delete(sent);
    }
    return prepared.event.id;
  }

  override async enqueue(event: AuditEventInput): Promise<string> {
    const prepared = this.prepare('enqueue', event);
    this.#checkOpen('enqueue', prepared.event);
    const waits = this.#spool.enqueue(prepared);
    if (waits !== undefined) {
      await waits;
    }
    this.#enqueued++;
    return prepared.event.id;
  }

  override async flush(timeoutMs = 10_000): Promise<void> {
    if (!(await this.#flushed(timeoutMs))) {
      const cause = this.#lastError?.error ?? new Error('the sender is still busy');
      const what = `flush within ${timeoutMs} ms: ${this.#spool.events} events stay in the spool`;
      throw new AuditUnavailable(what, { cause, outcomeUnknown: true }, []);
    }
  }

  async #flushed(timeoutMs: number): Promise<boolean> {
    const calm = this.#sender.hurry();
    try {
      return await this.#spool.flushed(timeoutMs);
    } finally {
      calm();
    }
  }

  override close(timeoutMs = 5_000): Promise<void> {
    this.#closing ??= this.#close(timeoutMs);
    return this.#closing;
  }

  async #close(timeoutMs: number): Promise<void> {
    clearInterval(this.#adoptTimer);
    const deadline = performance.now() + timeoutMs;
    const records = Promise.allSettled(this.#recording);
    await this.#flushed(timeoutMs);
    await within(records, deadline - performance.now());
    await this.#adopting;
    await this.#sender.stop(deadline - performance.now());
    await this.#spool.close(this.#sender.backlogs);
    this.#background.close();
    this.#transport.close();
  }

  override stats(): AuditStats {
    return {
      recorded: this.#recorded,
      enqueued: this.#enqueued,
      delivered: this.#delivered,
      deadLettered: this.#deadLettered,
      spoolBytes: this.#spool.bytes,
      spoolEvents: this.#spool.events,
      retries: this.#retries,
      lastError: this.#lastError,
      lastDeliveredAt: this.#lastDeliveredAt,
    };
  }

  #checkOpen(verb: string, event: AuditEvent): void {
    if (this.#closing !== undefined) {
      throw new AuditClosed(`${attempt(verb, event)}: the client is closed`, [event]);
    }
  }

  /** Takes over what ended processes left. What fails is tried again by the next round. */
  async #adopt(): Promise<void> {
    if (this.#closing === undefined) {
      await this.#spool.adopt().catch((error: Error) => this.#note(error));
    }
  }

  #note(error: Error): void {
    this.#lastError = { at: new Date(), error };
  }

  #onDelivered(own: boolean, events: number): void {
    this.#delivered += events;
    this.#lastDeliveredAt = new Date();
    if (own) {
      this.#spool.settled(events);
    }
  }

  #onDeadLettered(own: boolean, letters: readonly DeadLetter[]): void {
    this.#deadLettered += letters.length;
    if (own) {
      this.#spool.settled(letters.length);
    }
    for (const { reason, status, errors, json } of letters) {
      try {
        const text = json.toString();
        const event = reason === 'damaged' ? text : (JSON.parse(text) as AuditEvent);
        this.#o.onDeadLetter({ event, reason, status, errors, path: this.#deadLetters.path });
      } catch (error) {
        this.#note(new Error(`onDeadLetter: ${String(error)}`, { cause: error }));
      }
    }
  }
}

/** Waits for a promise, but not longer than so many milliseconds. */
async function within(promise: Promise<unknown>, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([promise, late]);
  clearTimeout(timer);
}
