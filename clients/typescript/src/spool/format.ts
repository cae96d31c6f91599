import { crc32 } from './crc.js';

// The files of a spool folder; clients/README.md, "The spool", is the definition.

/** A segment is closed before it grows beyond this. */
export const segmentBytes = 8 << 20;

/** Bytes in front of the JSON: eight hex digits and a space. */
export const headBytes = 9;

const LF = 0x0a;
const segmentName = /^(\d{20})\.spool$/;

export function nameOfSegment(n: number): string {
  return `${String(n).padStart(20, '0')}.spool`;
}

/** The number in a segment's file name, or undefined when it is none. */
export function numberOfSegment(name: string): number | undefined {
  const m = segmentName.exec(name);
  return m === null ? undefined : Number(m[1]);
}

/** Encodes lines into memory that it reuses. */
export class LineEncoder {
  #buffer = Buffer.allocUnsafe(4096);

  /** The line of an event's JSON. It is valid until the next call. */
  encode(json: string): Buffer {
    const most = headBytes + json.length * 3 + 1;
    if (this.#buffer.length < most) {
      this.#buffer = Buffer.allocUnsafe(most * 2);
    }
    const buffer = this.#buffer;
    const end = headBytes + buffer.write(json, headBytes, 'utf8');
    const crc = crc32(buffer.subarray(headBytes, end));
    buffer.write(`${crc.toString(16).padStart(8, '0')} `, 0, 'latin1');
    buffer[end] = LF;
    return buffer.subarray(0, end + 1);
  }
}

/** One line of a segment. */
export interface Line {
  /** Without checksum and line feed; of a damaged line, all of it. */
  readonly json: Buffer;
  /** Where the next line starts, in bytes from the start of the segment. */
  readonly end: number;
  /** The checksum is wrong. */
  readonly damaged: boolean;
}

/**
 * Yields the complete lines of chunk, which starts at byte offset of its segment.
 * What follows the last line feed is left.
 */
export function* linesOf(chunk: Buffer, offset: number): Generator<Line> {
  let from = 0;
  for (;;) {
    const at = chunk.indexOf(LF, from);
    if (at < 0) {
      return;
    }
    const end = offset + at + 1;
    const json = chunk.subarray(Math.min(from + headBytes, at), at);
    yield isWhole(chunk.subarray(from, at), json)
      ? { json, end, damaged: false }
      : { json: chunk.subarray(from, at), end, damaged: true };
    from = at + 1;
  }
}

function isWhole(line: Buffer, json: Buffer): boolean {
  if (line.length <= headBytes || line[headBytes - 1] !== 0x20) {
    return false;
  }
  const head = line.toString('latin1', 0, headBytes - 1);
  return /^[0-9a-f]{8}$/i.test(head) && parseInt(head, 16) === crc32(json);
}

/** Most different UTC days of the events in one request. */
const requestDays = 20;

/**
 * Says when a line must not be in one request with those before it: its id is among
 * theirs, or it is of one day too many. The sidecar would refuse it for the company
 * it is in.
 */
export class RequestFence {
  readonly #ids = new Set<string>();
  readonly #days = new Set<string>();

  /** Takes a line in, unless it must wait for the next request. */
  admit(json: Buffer): boolean {
    // {"id":"01980c9e-6e1f-7c3a-9d55-0b7a1f1c2d3e","timestamp":"2026-11-23T…"
    // 0      7                                    43            57
    const head = json.toString('latin1', 0, 96);
    if (!head.startsWith('{"id":"') || head.slice(43, 57) !== '","timestamp":') {
      return true; // not written by this version of the package
    }
    const id = head.slice(7, 43).toLowerCase();
    const day = dayOf(head.slice(58, head.indexOf('"', 58)));
    if (this.#ids.has(id) || (!this.#days.has(day) && this.#days.size === requestDays)) {
      return false;
    }
    this.#ids.add(id);
    this.#days.add(day);
    return true;
  }
}

/** The UTC day of an RFC 3339 timestamp. */
function dayOf(timestamp: string): string {
  if (/[Zz]$/.test(timestamp)) {
    return timestamp.slice(0, 10);
  }
  const ms = Date.parse(timestamp);
  return Number.isNaN(ms) ? timestamp : new Date(ms).toISOString().slice(0, 10);
}
