import { readFileSync } from 'node:fs';
import { readdir, rename, rmdir, stat, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { hasCode } from '../errors.js';
import { closeFile, openFile, readAt } from './files.js';
import { headBytes, linesOf, nameOfSegment, numberOfSegment, RequestFence, type Line } from './format.js';
import { ignoreMissing, removeSocket } from './owner.js';

/** A segment as far as it is known to be written. */
export interface Segment {
  readonly n: number;
  /** Bytes that may be read. */
  size: number;
  /** Nothing will be added. */
  closed: boolean;
}

/** How much one request may hold. */
export interface BatchLimits {
  readonly events: number;
  readonly bytes: number;
}

const cursorName = 'cursor';
const cursorTemp = 'cursor.tmp';

/**
 * What is still to be delivered in one folder, in order. The cursor file lags
 * behind: after a crash events are sent again, which the sidecar recognises.
 */
export class Backlog {
  readonly dir: string;
  readonly #segments: Segment[];
  #offset: number; // in the first segment: everything before it is delivered
  #movedAt: number | undefined; // when the cursor first moved after it was written
  #fd: number | undefined; // of the first segment

  constructor(dir: string, segments: Segment[] = [], offset = 0) {
    this.dir = dir;
    this.#segments = segments;
    this.#offset = offset;
  }

  /** Opens the folder of a process that has ended. */
  static async ofDead(dir: string): Promise<Backlog> {
    const segments: Segment[] = [];
    for (const name of await readdir(dir)) {
      const n = numberOfSegment(name);
      if (n !== undefined) {
        segments.push({ n, size: (await stat(join(dir, name))).size, closed: true });
      }
    }
    segments.sort((a, b) => a.n - b.n);
    const cursor = readCursor(dir);
    // Its process may have died between moving the cursor and removing the segment.
    while (segments[0] !== undefined && segments[0].n < cursor.segment) {
      await unlink(join(dir, nameOfSegment(segments[0].n)));
      segments.shift();
    }
    return new Backlog(dir, segments, segments[0]?.n === cursor.segment ? cursor.offset : 0);
  }

  /** Bytes that are not delivered. */
  get bytes(): number {
    return this.#segments.reduce((sum, s) => sum + s.size, 0) - this.#offset;
  }

  /** Lets the journal that appends to this folder add a segment. */
  add(segment: Segment): void {
    this.#segments.push(segment);
  }

  /**
   * Returns the next events, or a single damaged line, or nothing: then all is
   * delivered that was written. Calling it again without {@link Backlog.advance}
   * returns the same.
   */
  async read(limits: BatchLimits): Promise<Line[]> {
    for (;;) {
      const segment = this.#segments[0];
      if (segment === undefined) {
        return [];
      }
      const lines = await this.#readFrom(segment, limits);
      if (lines.length > 0 || !segment.closed) {
        return lines;
      }
      // Behind the last line feed is what an enqueue that never returned has left.
      await this.#finish(segment);
    }
  }

  async #readFrom(segment: Segment, limits: BatchLimits): Promise<Line[]> {
    const left = segment.size - this.#offset;
    if (left <= 0) {
      return [];
    }
    this.#fd ??= await openFile(join(this.dir, nameOfSegment(segment.n)), 'r');
    for (let want = limits.bytes + headBytes; ; want *= 2) {
      const chunk = Buffer.allocUnsafe(Math.min(want, left));
      const n = await readAt(this.#fd, chunk, this.#offset);
      const lines = cut(chunk.subarray(0, n), this.#offset, limits);
      if (lines.length > 0 || want >= left) {
        return lines;
      }
    }
  }

  /** Everything before an offset, the end of a line that was read, is delivered. */
  async advance(end: number): Promise<void> {
    this.#offset = end;
    this.#movedAt ??= performance.now();
    const segment = this.#segments[0];
    if (segment !== undefined && segment.closed && end >= segment.size) {
      await this.#finish(segment);
    }
  }

  /** Drops the first segment, all of which is delivered. */
  async #finish(segment: Segment): Promise<void> {
    await this.#closeFile();
    await unlink(join(this.dir, nameOfSegment(segment.n))).catch(ignoreMissing);
    this.#segments.shift();
    this.#offset = 0;
    this.#movedAt = undefined; // a cursor on a segment that is gone stands for the next one
  }

  /** Milliseconds since when the cursor file lags behind; undefined: it does not. */
  get lag(): number | undefined {
    return this.#movedAt === undefined ? undefined : performance.now() - this.#movedAt;
  }

  /** Writes the cursor, if it has moved. */
  async save(): Promise<void> {
    const segment = this.#segments[0];
    if (this.#movedAt === undefined || segment === undefined) {
      return;
    }
    this.#movedAt = performance.now(); // when it fails, the next try is not at once
    const temp = join(this.dir, cursorTemp);
    await writeFile(temp, JSON.stringify({ segment: segment.n, offset: this.#offset }), { mode: 0o600 });
    await rename(temp, join(this.dir, cursorName));
    this.#movedAt = undefined;
  }

  /** Closes what is open; what is not delivered stays on disk. */
  async close(): Promise<void> {
    await this.#closeFile();
    await this.save();
  }

  /** Removes the folder, in which nothing is left to deliver. */
  async remove(): Promise<void> {
    await this.#closeFile();
    for (const { n } of this.#segments) {
      await unlink(join(this.dir, nameOfSegment(n))).catch(ignoreMissing);
    }
    for (const name of [cursorName, cursorTemp]) {
      await unlink(join(this.dir, name)).catch(ignoreMissing);
    }
    await removeSocket(this.dir);
    await rmdir(this.dir).catch(ignoreMissing);
  }

  async #closeFile(): Promise<void> {
    const fd = this.#fd;
    this.#fd = undefined;
    if (fd !== undefined) {
      await closeFile(fd);
    }
  }
}

/** Takes lines off the front of chunk: as many as one request may hold, or one damaged one. */
function cut(chunk: Buffer, offset: number, limits: BatchLimits): Line[] {
  const lines: Line[] = [];
  const fence = new RequestFence();
  let bytes = 0;
  for (const line of linesOf(chunk, offset)) {
    if (line.damaged) {
      return lines.length > 0 ? lines : [line];
    }
    bytes += line.json.length + 1;
    const admitted = fence.admit(line.json); // always true for the first one
    if (!admitted || (bytes > limits.bytes && lines.length > 0)) {
      return lines;
    }
    lines.push(line);
    if (lines.length === limits.events) {
      return lines;
    }
  }
  return lines;
}

/** Reads the cursor. Without a good one everything is sent again, and recognised. */
function readCursor(dir: string): { segment: number; offset: number } {
  const start = { segment: 0, offset: 0 };
  let text: string;
  try {
    text = readFileSync(join(dir, cursorName), 'utf8');
  } catch (error) {
    if (hasCode(error, 'ENOENT')) {
      return start;
    }
    throw error;
  }
  try {
    const { segment, offset } = JSON.parse(text) as Record<string, unknown>;
    return isCount(segment) && isCount(offset) ? { segment, offset } : start;
  } catch {
    return start; // torn by a power failure
  }
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
