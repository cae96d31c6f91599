import { AuditClosed, AuditSpoolFull, AuditUnavailable, reasonOf } from '../errors.js';
import { attempt, type Prepared } from '../wire.js';
import { adoptOrphans } from './adopt.js';
import { Backlog } from './backlog.js';
import { makeFolder } from './files.js';
import { headBytes } from './format.js';
import { Journal } from './journal.js';
import { Owner, sweepUnfinished } from './owner.js';

export interface SpoolOptions {
  readonly dir: string;
  readonly maxBytes: number;
  readonly sync: 'always' | 'interval';
  readonly syncIntervalMs: number;
  readonly enqueueTimeoutMs: number;
  /** There is a backlog to deliver: ours (true), or an adopted one. */
  readonly onBacklog: (backlog: Backlog, own: boolean) => void;
  /** Something was appended to ours. */
  readonly onAppend: () => void;
  /** A failure that no caller is told. */
  readonly onError: (error: Error) => void;
}

interface Waiting {
  readonly prepared: Prepared;
  readonly done: Promise<void>;
  readonly timer: NodeJS.Timeout;
  readonly settle: (error?: unknown) => void;
}

interface Folder {
  readonly owner: Owner;
  readonly journal: Journal;
  readonly backlog: Backlog;
}

/** This client's folder of the spool: what `enqueue` writes to. */
export class Spool {
  readonly #o: SpoolOptions;
  #opening: Promise<Folder> | undefined;
  #folder: Folder | undefined;
  readonly #adopted = new Set<string>(); // folders that were handed to onBacklog
  readonly #waiting: Waiting[] = []; // for the folder or for room, in the order of the calls
  #flushes: { upTo: number; resolve: () => void }[] = [];
  #syncTimer: NodeJS.Timeout | undefined;
  #syncFailure: unknown; // which the next enqueue reports
  #writtenBytes = 0;
  #writtenEvents = 0;
  #settledEvents = 0;

  constructor(options: SpoolOptions) {
    this.#o = options;
  }

  /** Bytes of ours that are neither delivered nor dead-lettered. */
  get bytes(): number {
    return this.#folder?.backlog.bytes ?? 0;
  }

  /** Events of ours that are neither delivered nor dead-lettered. */
  get events(): number {
    return this.#writtenEvents - this.#settledEvents;
  }

  /** Makes our folder, unless that is done or under way. A later call tries again what failed. */
  open(): Promise<Folder> {
    this.#opening ??= this.#make().catch((error: unknown) => {
      this.#opening = undefined;
      throw new Error(`open spool ${this.#o.dir}: ${reasonOf(error)}`, { cause: error });
    });
    return this.#opening;
  }

  async #make(): Promise<Folder> {
    await makeFolder(this.#o.dir);
    const owner = await Owner.make(this.#o.dir);
    const backlog = new Backlog(owner.dir);
    this.#folder = { owner, backlog, journal: new Journal(owner.dir, owner.fd, backlog) };
    this.#o.onBacklog(backlog, true);
    this.#admit();
    return this.#folder;
  }

  /** Takes over the folders of processes that have ended. */
  async adopt(): Promise<void> {
    const { owner } = await this.open();
    await sweepUnfinished(this.#o.dir, this.#o.onError);
    for (const dir of await adoptOrphans(this.#o.dir, owner, this.#o.onError)) {
      if (this.#adopted.has(dir)) {
        continue;
      }
      try {
        const backlog = await Backlog.ofDead(dir);
        this.#adopted.add(dir);
        this.#o.onBacklog(backlog, false);
      } catch (error) {
        this.#o.onError(error as Error); // the next round tries again
      }
    }
  }

  /**
   * Resolves when the event is written, and synced if that is asked for; undefined:
   * it is already. Events are written in the order of the calls.
   */
  enqueue(prepared: Prepared): Promise<void> | undefined {
    if (this.#waiting.length === 0 && this.#folder !== undefined && this.#hasRoom(prepared)) {
      return this.#append(this.#folder, prepared);
    }
    const { done, settle } = outcome();
    const timer = setTimeout(() => this.#giveUp(prepared), this.#o.enqueueTimeoutMs);
    this.#waiting.push({ prepared, done, timer, settle });
    if (this.#folder === undefined) {
      this.open().catch((cause: unknown) => this.#refuseAll((p) => notSpooled(p, cause)));
    }
    return done;
  }

  #hasRoom({ json }: Prepared): boolean {
    const bytes = this.bytes;
    // Whatever its size, an event has room in a spool that is empty.
    return bytes === 0 || bytes + headBytes + Buffer.byteLength(json) + 1 <= this.#o.maxBytes;
  }

  /** Lets in who waits, as far as there is room. */
  #admit(): void {
    for (;;) {
      const first = this.#waiting[0];
      if (first === undefined || this.#folder === undefined || !this.#hasRoom(first.prepared)) {
        return;
      }
      this.#waiting.shift();
      clearTimeout(first.timer);
      try {
        const synced = this.#append(this.#folder, first.prepared);
        void (synced ?? Promise.resolve()).then(() => first.settle(), first.settle);
      } catch (error) {
        first.settle(error);
      }
    }
  }

  /** Writes an event. Undefined: it need not wait for an fsync. */
  #append({ journal, backlog }: Folder, prepared: Prepared): Promise<void> | undefined {
    if (this.#syncFailure !== undefined) {
      const cause = this.#syncFailure;
      this.#syncFailure = undefined;
      throw notSpooled(prepared, cause);
    }
    const before = backlog.bytes;
    try {
      journal.append(prepared.json);
    } catch (cause) {
      throw notSpooled(prepared, cause);
    }
    this.#writtenBytes += backlog.bytes - before;
    this.#writtenEvents++;
    this.#o.onAppend();
    if (this.#o.sync === 'interval') {
      this.#syncSoon(journal);
      return undefined;
    }
    return journal.sync().catch((cause: unknown) => {
      const why = { cause, outcomeUnknown: true }; // it may be delivered all the same
      throw new AuditUnavailable(attempt('enqueue', prepared.event), why, [prepared.event]);
    });
  }

  #syncSoon(journal: Journal): void {
    this.#syncTimer ??= setTimeout(() => {
      this.#syncTimer = undefined;
      journal.sync().catch((error: Error) => {
        this.#syncFailure = error;
        this.#o.onError(error);
      });
    }, this.#o.syncIntervalMs).unref();
  }

  #giveUp(prepared: Prepared): void {
    const at = this.#waiting.findIndex((w) => w.prepared === prepared);
    const [waiting] = this.#waiting.splice(at, 1);
    const spent = `for ${this.#o.enqueueTimeoutMs} ms`;
    waiting?.settle(
      this.#folder === undefined
        ? notSpooled(prepared, new Error(`spool ${this.#o.dir} did not open ${spent}`))
        : new AuditSpoolFull(`${attempt('enqueue', prepared.event)}: the spool held ${this.#o.maxBytes} bytes ${spent}`, [prepared.event]),
    );
    this.#admit(); // a smaller event may fit
  }

  #refuseAll(errorFor: (prepared: Prepared) => unknown): void {
    for (const { prepared, timer, settle } of this.#waiting.splice(0)) {
      clearTimeout(timer);
      settle(errorFor(prepared));
    }
  }

  /** The sender is through with so many events of ours, and the backlog has moved on. */
  settled(events: number): void {
    this.#settledEvents += events;
    this.#admit();
    const delivered = this.#writtenBytes - this.bytes;
    while (this.#flushes[0] !== undefined && this.#flushes[0].upTo <= delivered) {
      this.#flushes.shift()?.resolve();
    }
  }

  /**
   * Waits until all that was enqueued before the call is delivered, dead-lettered or
   * refused; false: that took longer than so many milliseconds.
   */
  async flushed(timeoutMs: number): Promise<boolean> {
    const { done, settle } = outcome();
    const flush = { upTo: 0, resolve: settle };
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      this.#flushes = this.#flushes.filter((f) => f !== flush);
      settle();
    }, timeoutMs);
    void Promise.allSettled(this.#waiting.map((w) => w.done)).then(() => {
      flush.upTo = this.#writtenBytes;
      if (this.bytes === 0) {
        settle();
      } else if (!late) {
        this.#flushes.push(flush);
      }
    });
    await done;
    clearTimeout(timer);
    return !late;
  }

  /**
   * Gives our folder back: removes it when nothing is left in it, else leaves it to
   * the next process. The sender has stopped; left are the backlogs that it still has.
   */
  async close(left: readonly Backlog[]): Promise<void> {
    clearTimeout(this.#syncTimer);
    this.#refuseAll((p) => new AuditClosed(`${attempt('enqueue', p.event)}: the client was closed while it waited`, [p.event]));
    const folder = await this.#opening?.catch(() => undefined);
    if (folder === undefined) {
      return;
    }
    const { owner, journal, backlog } = folder;
    try {
      await journal.close();
      // Ours last: it holds the others.
      const delivered = left.filter((each) => each.bytes === 0 && each !== backlog);
      for (const each of left) {
        await (delivered.includes(each) ? each.remove() : each.close());
      }
      if (backlog.bytes === 0 && left.length === delivered.length + 1) {
        await backlog.remove();
      }
    } catch (error) {
      this.#o.onError(error as Error); // what is on the disk is as good for the next process
    } finally {
      await owner.release();
    }
  }
}

/** A promise, and what settles it. */
function outcome(): { done: Promise<void>; settle: (error?: unknown) => void } {
  let settle!: (error?: unknown) => void;
  const done = new Promise<void>((resolve, reject) => {
    settle = (error) => (error === undefined ? resolve() : reject(error as Error));
  });
  return { done, settle };
}

function notSpooled(prepared: Prepared, cause: unknown): AuditUnavailable {
  return new AuditUnavailable(attempt('enqueue', prepared.event), { cause, outcomeUnknown: false }, [prepared.event]);
}
