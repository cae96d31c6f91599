import { judge, type Verdict } from './answer.js';
import { Signal, type Backoff } from './backoff.js';
import { reasonOf, type FieldError } from './errors.js';
import type { Backlog, BatchLimits } from './spool/backlog.js';
import type { DeadLetter, DeadLetterFile } from './spool/deadletter.js';
import type { Line } from './spool/format.js';
import { TransportError, type Transport } from './transport.js';

/** What the sender reports to, and asks. */
export interface SenderHost {
  /** Events of our own spool that are neither delivered nor dead-lettered. */
  pending(): { events: number; bytes: number };
  /** So many events were delivered; our own spool has room, when they are of it. */
  delivered(own: boolean, events: number): void;
  /** Letters are on the disk; our own spool has room, when they are of it. */
  deadLettered(own: boolean, letters: readonly DeadLetter[]): void;
  /** A request failed and is sent again. */
  retrying(error: Error): void;
  /** Something else failed and is tried again. */
  failed(error: Error): void;
}

export interface SenderOptions {
  readonly transport: Pick<Transport, 'post' | 'abort'>;
  readonly deadLetters: Pick<DeadLetterFile, 'append'>;
  readonly host: SenderHost;
  readonly batch: BatchLimits;
  readonly lingerMs: number;
  readonly requestTimeoutMs: number;
  readonly backoff: Backoff;
}

interface Source {
  readonly backlog: Backlog;
  readonly own: boolean;
  failures: number; // of its files, in a row
  notBefore: number; // ms since 1970
}

const lagMaxMs = 250;

/** A line on its way. */
interface Item extends Line {
  done: boolean; // delivered or dead-lettered
}

/**
 * Delivers backlogs: one request at a time, each backlog in its order. It never gives up, and passes an event only when the sidecar has it or the
 * dead-letter file does.
 */
export class Sender {
  readonly #o: SenderOptions;
  readonly #sources: Source[] = [];
  readonly #signal = new Signal();
  #ownTurn = false;
  #idle = false;
  #lingering = false;
  #flushes = 0; // that wait: then nothing lingers
  #stopped = false;
  #loop: Promise<void> | undefined;

  constructor(options: SenderOptions) {
    this.#o = options;
  }

  /** Takes a backlog to deliver. One that is not our own is removed when it is empty. */
  add(backlog: Backlog, own: boolean): void {
    this.#sources.push({ backlog, own, failures: 0, notBefore: 0 });
    this.#loop ??= this.#run();
    if (this.#idle || this.#lingering) {
      this.#signal.notify();
    }
  }

  /** Backlogs that are not delivered, our own included. */
  get backlogs(): Backlog[] {
    return this.#sources.map((s) => s.backlog);
  }

  /** Something was added to our own backlog. */
  notify(): void {
    if (this.#idle || (this.#lingering && this.#isFull())) {
      this.#signal.notify();
    }
  }

  /** Until the returned function is called, batches do not wait to fill up. */
  hurry(): () => void {
    this.#flushes++;
    if (this.#lingering) {
      this.#signal.notify();
    }
    return () => {
      this.#flushes--;
    };
  }

  /**
   * Sends nothing more, and resolves when nothing runs any more. A request that is
   * under way has so many milliseconds to end.
   */
  async stop(graceMs: number): Promise<void> {
    this.#stopped = true;
    this.#signal.notify();
    const timer = setTimeout(() => this.#o.transport.abort(), Math.max(0, graceMs));
    await this.#loop;
    clearTimeout(timer);
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      const source = this.#next();
      if (source === undefined) {
        this.#idle = true;
        await this.#signal.wait(this.#msUntilDue());
        this.#idle = false;
        await this.#saveCursors();
        continue;
      }
      try {
        await this.#serve(source);
        await this.#saveCursors();
        source.failures = 0;
      } catch (error) {
        // Of our own disk; the other backlogs do not wait for it.
        this.#o.host.failed(new Error(`deliver ${source.backlog.dir}: ${reasonOf(error)}`, { cause: error }));
        source.notBefore = Date.now() + this.#o.backoff(source.failures++);
      }
    }
  }

  /** What to deliver from: by turns our own backlog and the oldest of the others. */
  #next(): Source | undefined {
    const now = Date.now();
    const due = this.#sources.filter((s) => s.notBefore <= now && (!s.own || s.backlog.bytes > 0));
    this.#ownTurn = !this.#ownTurn;
    return due.find((s) => s.own === this.#ownTurn) ?? due[0];
  }

  /** How long there is nothing to do, unless something is added. */
  #msUntilDue(): number {
    const now = Date.now();
    const due = this.#sources.filter((s) => s.notBefore > now).map((s) => s.notBefore - now);
    const lags = this.#sources.flatMap((s) => s.backlog.lag ?? []).map((lag) => lagMaxMs - lag);
    return Math.max(1, Math.min(...due, ...lags));
  }

  /**
   * Writes the cursors that have lagged behind long enough: a file for each request
   * would cost more than the request.
   */
  async #saveCursors(): Promise<void> {
    for (const { backlog } of this.#sources) {
      if ((backlog.lag ?? 0) >= lagMaxMs) {
        await backlog.save().catch((error: Error) => this.#o.host.failed(error));
      }
    }
  }

  async #serve(source: Source): Promise<void> {
    if (source.own && this.#sources.length === 1 && this.#flushes === 0 && !this.#isFull()) {
      this.#lingering = true;
      await this.#signal.wait(this.#o.lingerMs);
      this.#lingering = false;
    }
    const lines = await source.backlog.read(this.#o.batch);
    const first = lines[0];
    if (first === undefined) {
      if (source.own) {
        throw new Error('a line without an end');
      }
      await source.backlog.remove();
      this.#sources.splice(this.#sources.indexOf(source), 1);
    } else if (first.damaged) {
      const item = { ...first, done: false };
      await this.#bury(source, [item], [item], [damaged(first)]);
    } else {
      await this.#send(source, lines.map((line) => ({ ...line, done: false })));
    }
  }

  #isFull(): boolean {
    const { events, bytes } = this.#o.host.pending();
    return events >= this.#o.batch.events || bytes >= this.#o.batch.bytes;
  }

  /** Sends items until each is delivered or dead-lettered, or we are stopped. */
  async #send(source: Source, items: Item[]): Promise<void> {
    let most = items.length; // in one request
    let attempt = 0;
    while (!this.#stopped) {
      const piece = items.filter((item) => !item.done).slice(0, most);
      if (piece.length === 0) {
        return;
      }
      const { verdict, retryAfterMs } = await this.#post(piece);
      switch (verdict.kind) {
        case 'stored':
          most *= 2; // back up, after what was refused is out
          attempt = 0;
          await this.#pass(source, items, piece, () => this.#o.host.delivered(source.own, piece.length));
          break;
        case 'refused': {
          const named = [...verdict.named].map(([index]) => piece[index] as Item);
          const letters = [...verdict.named].map(([index, errors]) => refused(piece[index] as Item, verdict, errors));
          await this.#bury(source, items, named, letters);
          attempt = 0;
          break;
        }
        case 'halve':
          if (piece.length === 1) {
            const errors = [{ field: '', reason: verdict.detail }];
            await this.#bury(source, items, piece, [refused(piece[0] as Item, verdict, errors)]);
          } else {
            most = Math.ceil(piece.length / 2);
          }
          attempt = 0;
          break;
        case 'blocked':
        case 'retry':
          if (!this.#stopped) {
            this.#o.host.retrying(new Error(verdict.detail));
            await this.#signal.wait(Math.max(retryAfterMs, this.#o.backoff(attempt++)));
          }
      }
    }
  }

  async #post(piece: readonly Item[]): Promise<{ verdict: Verdict; retryAfterMs: number }> {
    const parts: Buffer[] = [];
    for (const item of piece) {
      parts.push(item.json, LF);
    }
    try {
      const answer = await this.#o.transport.post(Buffer.concat(parts), this.#o.requestTimeoutMs);
      return { verdict: judge(answer, piece.length), retryAfterMs: answer.retryAfterMs };
    } catch (error) {
      if (!(error instanceof TransportError)) {
        throw error;
      }
      const { message: detail, outcomeUnknown } = error;
      return { verdict: { kind: 'retry', status: 0, detail, outcomeUnknown }, retryAfterMs: 0 };
    }
  }

  /** Moves the cursor behind all that is done at the front, and then reports. */
  async #pass(source: Source, items: Item[], done: readonly Item[], report: () => void): Promise<void> {
    for (const item of done) {
      item.done = true;
    }
    const open = items.findIndex((item) => !item.done);
    const front = items.splice(0, open < 0 ? items.length : open).at(-1);
    try {
      if (front !== undefined) {
        await source.backlog.advance(front.end);
      }
    } finally {
      report(); // the cursor has moved, even if a file could not be removed
    }
  }

  /** Puts some of the items into the dead-letter file, and only then passes them. */
  async #bury(source: Source, items: Item[], dead: readonly Item[], letters: readonly DeadLetter[]): Promise<void> {
    await this.#o.deadLetters.append(letters);
    await this.#pass(source, items, dead, () => this.#o.host.deadLettered(source.own, letters));
  }
}

const LF = Buffer.from('\n');

function damaged(line: Line): DeadLetter {
  return { reason: 'damaged', status: null, errors: [], json: line.json };
}

function refused(line: Line, verdict: { kind: 'refused' | 'halve'; status: number; conflict?: boolean }, errors: readonly FieldError[]): DeadLetter {
  return { reason: verdict.conflict === true ? 'conflict' : 'rejected', status: verdict.status, errors, json: line.json };
}
