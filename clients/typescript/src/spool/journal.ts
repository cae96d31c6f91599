import { openSync, writeSync } from 'node:fs';
import { join } from 'node:path';

import { reasonOf } from '../errors.js';
import type { Backlog, Segment } from './backlog.js';
import { closeFile, syncData, syncFile } from './files.js';
import { LineEncoder, nameOfSegment, segmentBytes } from './format.js';

interface OpenSegment extends Segment {
  readonly fd: number;
  failure?: unknown; // of an fsync
}

/**
 * Appends events to a folder's segments. A line is one write(2): it is whole in the
 * kernel, and so survives this process, or it has no line feed. The call blocks,
 * for some microseconds: less than it takes to hand a write to another thread.
 */
export class Journal {
  readonly #dir: string;
  readonly #dirFd: number;
  readonly #backlog: Backlog;
  readonly #encoder = new LineEncoder();
  #n = 0;
  #active: OpenSegment | undefined;
  readonly #unsynced = new Set<OpenSegment>();
  #namesUnsynced = false;
  #round: Promise<void> = Promise.resolve(); // the fsync that runs, or the last one
  #nextRound: Promise<void> | undefined; // the one that waits for it

  constructor(dir: string, dirFd: number, backlog: Backlog) {
    this.#dir = dir;
    this.#dirFd = dirFd;
    this.#backlog = backlog;
  }

  /**
   * Appends one event. When it throws, the event is not in the spool: what was
   * written of it ends its segment, and the next call starts another one.
   */
  append(json: string): void {
    const line = this.#encoder.encode(json);
    let segment = this.#active;
    if (segment === undefined || (segment.size > 0 && segment.size + line.length > segmentBytes)) {
      segment = this.#rotate();
    }
    this.#unsynced.add(segment);
    try {
      const written = writeSync(segment.fd, line);
      if (written !== line.length) {
        throw new Error(`the disk took ${written} of ${line.length} bytes`);
      }
    } catch (cause) {
      this.#abandon(segment);
      throw new Error(`append to ${this.#pathOf(segment)}: ${reasonOf(cause)}`, { cause });
    }
    segment.size += line.length;
  }

  /**
   * Resolves when everything that was appended before the call is on the disk.
   * Calls that come while an fsync runs share the next one. After a failure the
   * segments concerned take nothing more: an fsync that failed once must not be
   * believed when it is repeated.
   */
  sync(): Promise<void> {
    this.#nextRound ??= this.#round
      .catch(() => undefined) // told to those who waited for it
      .then(() => {
        this.#nextRound = undefined;
        this.#round = this.#syncAll();
        return this.#round;
      });
    return this.#nextRound;
  }

  /** Closes all files. Call {@link Journal.sync} before. */
  async close(): Promise<void> {
    if (this.#active !== undefined) {
      this.#abandon(this.#active);
    }
    await this.sync();
  }

  #rotate(): OpenSegment {
    if (this.#active !== undefined) {
      this.#abandon(this.#active);
    }
    const n = this.#n + 1;
    const fd = openSync(join(this.#dir, nameOfSegment(n)), 'ax', 0o600);
    this.#n = n;
    this.#active = { n, size: 0, closed: false, fd };
    this.#namesUnsynced = true;
    this.#backlog.add(this.#active);
    return this.#active;
  }

  /** Adds nothing more to a segment; the next round of syncing closes its file. */
  #abandon(segment: OpenSegment): void {
    segment.closed = true;
    this.#unsynced.add(segment);
    if (this.#active === segment) {
      this.#active = undefined;
    }
  }

  async #syncAll(): Promise<void> {
    const segments = [...this.#unsynced];
    this.#unsynced.clear();
    let failure: unknown;
    for (const segment of segments) {
      failure = (await this.#syncOne(segment)) ?? failure;
    }
    if (this.#namesUnsynced) {
      this.#namesUnsynced = false;
      try {
        await syncFile(this.#dirFd);
      } catch (error) {
        this.#namesUnsynced = true;
        failure = error;
      }
    }
    if (failure !== undefined) {
      throw new Error(`sync ${this.#dir}: ${reasonOf(failure)}`, { cause: failure });
    }
  }

  /** Returns why what was appended to a segment before the call is not on the disk. */
  async #syncOne(segment: OpenSegment): Promise<unknown> {
    const last = segment.closed; // before the fsync, or it may miss the end
    let failure = segment.failure;
    try {
      if (failure === undefined) {
        await syncData(segment.fd);
      }
      if (last) {
        await closeFile(segment.fd);
      }
    } catch (error) {
      failure = error;
      if (!last) {
        await this.#fail(segment, error);
      }
    }
    return failure;
  }

  /** Ends a segment whose fsync failed. */
  async #fail(segment: OpenSegment, error: unknown): Promise<void> {
    const appended = this.#unsynced.has(segment); // while the fsync ran
    this.#abandon(segment);
    if (appended) {
      segment.failure = error; // which the next round tells those who wait for it
      return;
    }
    this.#unsynced.delete(segment);
    await closeFile(segment.fd).catch(() => undefined); // the fsync's error says it all
  }

  #pathOf(segment: Segment): string {
    return join(this.#dir, nameOfSegment(segment.n));
  }
}
