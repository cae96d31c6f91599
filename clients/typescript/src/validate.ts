import { isIP } from 'node:net';

import type { FieldError } from './errors.js';
import { limits } from './event.gen.js';

// What the sidecar refuses whatever its clock and its configuration say is refused
// here, at the line that made the event. Bounds that move with the sidecar's clock
// (24 hours ahead, the archive's floor) are left to it.

const eventFields = new Set([
  'id', 'timestamp', 'action', 'actor', 'resource', 'outcome', 'reason', 'details',
  'request_id', 'ip', 'user_agent', 'organization_id',
]);
const actorFields = new Set(['id', 'type', 'email']);
const resourceFields = new Set(['type', 'id']);

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const rfc3339 = /^(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:[Zz]|([+-])(\d\d):(\d\d))$/;

/** Returns everything that is wrong with the envelope of event; details are {@link checkDetails}'s. */
export function checkEnvelope(event: unknown): FieldError[] {
  const check = new Check();
  if (!isObject(event)) {
    check.complain('', `must be an object, not ${kindOf(event)}`);
    return check.errors;
  }
  check.unknown('', event, eventFields);
  check.pattern('id', event['id'], uuid, 'must be a UUID such as "01980c9e-6e1f-7c3a-9d55-0b7a1f1c2d3e"');
  check.time('timestamp', event['timestamp']);
  check.required('action', event['action'], limits.action);
  check.actor(event['actor']);
  check.resource(event['resource']);
  check.choice('outcome', event['outcome'], ['success', 'failure']);
  check.optional('reason', event['reason'], limits.reason);
  check.optional('request_id', event['request_id'], limits.request_id);
  check.address('ip', event['ip']);
  check.optional('user_agent', event['user_agent'], limits.user_agent);
  check.optional('organization_id', event['organization_id'], limits.organization_id);
  return check.errors;
}

/** Returns what is wrong with details, given as the JSON that would be sent. */
export function checkDetails(json: string): FieldError[] {
  const check = new Check();
  if (!json.startsWith('{')) {
    check.complain('details', 'must be an object');
    return check.errors;
  }
  const bytes = Buffer.byteLength(json);
  if (bytes > limits.details) {
    check.complain('details', `has ${bytes} bytes; at most ${limits.details} are accepted`);
  }
  if (deeper(json, limits.depth - 1)) {
    check.complain('details', `is nested too deeply; an event may have ${limits.depth} levels`);
  }
  if (!json.includes('\\u')) {
    return check.errors; // nearly always
  }
  if (hasEscape(json, /\\u0000/g)) {
    check.complain('details', 'contains U+0000');
  }
  // JSON.stringify writes a surrogate as an escape only where it stands alone.
  if (hasEscape(json, /\\ud[89a-f]/g)) {
    check.complain('details', 'is not Unicode: it has half of a surrogate pair');
  }
  return check.errors;
}

/** Whether s is an address that an event's `ip` may have. */
export function isAddress(s: string): boolean {
  return isIP(s) !== 0 && !s.includes('%');
}

class Check {
  readonly errors: FieldError[] = [];

  complain(field: string, reason: string): void {
    this.errors.push({ field, reason });
  }

  unknown(parent: string, object: Record<string, unknown>, known: ReadonlySet<string>): void {
    for (const name in object) {
      // What is undefined is not sent.
      if (!known.has(name) && object[name] !== undefined) {
        this.complain(parent + name, 'unknown field');
      }
    }
  }

  /** Whether value is a string; null is the same as absent. */
  #given(field: string, value: unknown): value is string {
    if (typeof value === 'string') {
      return true;
    }
    if (value !== undefined && value !== null) {
      this.complain(field, `must be a string, not ${kindOf(value)}`);
    }
    return false;
  }

  optional(field: string, value: unknown, bytesMax: number): void {
    if (!this.#given(field, value)) {
      return;
    }
    // No UTF-16 unit becomes more than three bytes.
    if (value.length * 3 > bytesMax && Buffer.byteLength(value) > bytesMax) {
      this.complain(field, `has ${Buffer.byteLength(value)} bytes; at most ${bytesMax} are accepted`);
    } else if (value.includes('\0')) {
      this.complain(field, 'contains U+0000');
    } else if (!value.isWellFormed()) {
      this.complain(field, 'is not Unicode: it has half of a surrogate pair');
    }
  }

  required(field: string, value: unknown, bytesMax: number): void {
    if (value === undefined || value === null) {
      this.complain(field, 'is required');
    } else if (value === '') {
      this.complain(field, 'must not be empty');
    } else {
      this.optional(field, value, bytesMax);
    }
  }

  choice(field: string, value: unknown, values: readonly string[]): void {
    if (value === undefined || value === null) {
      this.complain(field, 'is required');
    } else if (this.#given(field, value) && !values.includes(value)) {
      this.complain(field, `must be one of ${values.map((v) => JSON.stringify(v)).join(', ')}`);
    }
  }

  pattern(field: string, value: unknown, pattern: RegExp, reason: string): void {
    if (this.#given(field, value) && !pattern.test(value)) {
      this.complain(field, reason);
    }
  }

  address(field: string, value: unknown): void {
    if (this.#given(field, value) && !isAddress(value)) {
      this.complain(field, 'must be an IPv4 or IPv6 address without a zone');
    }
  }

  actor(value: unknown): void {
    if (this.#object('actor', value)) {
      this.unknown('actor.', value, actorFields);
      this.required('actor.id', value['id'], limits['actor.id']);
      this.choice('actor.type', value['type'], ['user', 'system', 'api_key']);
      this.optional('actor.email', value['email'], limits['actor.email']);
    }
  }

  resource(value: unknown): void {
    if (this.#object('resource', value)) {
      this.unknown('resource.', value, resourceFields);
      this.required('resource.type', value['type'], limits['resource.type']);
      this.optional('resource.id', value['id'], limits['resource.id']);
    }
  }

  #object(field: string, value: unknown): value is Record<string, unknown> {
    if (value === undefined || value === null) {
      this.complain(field, 'is required');
      return false;
    }
    if (!isObject(value)) {
      this.complain(field, `must be an object, not ${kindOf(value)}`);
      return false;
    }
    return true;
  }

  time(field: string, value: unknown): void {
    if (this.#given(field, value)) {
      const reason = faultOfTime(value);
      if (reason !== '') {
        this.complain(field, reason);
      }
    }
  }
}

/** Says what is wrong with a timestamp; the sidecar's parseTime is the model. */
function faultOfTime(s: string): string {
  const m = rfc3339.exec(s);
  if (m === null || Number(m[9] ?? 0) > 23 || Number(m[10] ?? 0) > 59) {
    return 'must be an RFC 3339 time such as "2026-01-31T10:11:12.345Z"';
  }
  const [year, month, day, hour, minute, second] = m.slice(1, 7).map(Number) as [
    number, number, number, number, number, number,
  ];
  if ((m[7]?.length ?? 0) > 9) {
    return 'has more than 9 fraction digits';
  }
  if (second === 60) {
    return 'is a leap second, which cannot be stored: send :59 or the next second';
  }
  if (hour > 23 || minute > 59 || second > 60) {
    return 'is not a time of day';
  }
  if (month < 1 || month > 12 || day < 1 || day > daysIn(year, month)) {
    return 'is not a date of the calendar';
  }
  const offset = (m[8] === '-' ? -1 : 1) * (Number(m[9] ?? 0) * 60 + Number(m[10] ?? 0)) * 60;
  const seconds = Date.UTC(year, month - 1, day, hour, minute, second) / 1000 - offset;
  // Nanoseconds since 1970 fit in 64 bits.
  if (year < 1677 || Math.abs(seconds) > 9_223_372_035) {
    return 'is outside of the years 1678 to 2261';
  }
  return '';
}

function daysIn(year: number, month: number): number {
  if (month === 2) {
    return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0 ? 29 : 28;
  }
  return [4, 6, 9, 11].includes(month) ? 30 : 31;
}

/** Whether valid JSON nests more than so many levels. */
function deeper(json: string, levels: number): boolean {
  let depth = 0;
  for (let i = 0; i < json.length; i++) {
    switch (json.charCodeAt(i)) {
      case 0x7b: // {
      case 0x5b: // [
        if (++depth > levels) {
          return true;
        }
        break;
      case 0x7d: // }
      case 0x5d: // ]
        depth--;
        break;
      case 0x22: // "
        for (i++; json.charCodeAt(i) !== 0x22; i++) {
          if (json.charCodeAt(i) === 0x5c) {
            i++;
          }
        }
    }
  }
  return false;
}

/** Whether JSON has an escape that matches, as opposed to a backslash before plain text. */
function hasEscape(json: string, pattern: RegExp): boolean {
  for (const match of json.matchAll(pattern)) {
    let backslashes = 1;
    while (json[match.index - backslashes] === '\\') {
      backslashes++;
    }
    if (backslashes % 2 === 1) {
      return true;
    }
  }
  return false;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function kindOf(value: unknown): string {
  if (value === null) {
    return 'null';
  }
  return Array.isArray(value) ? 'an array' : `a value of type ${typeof value}`;
}
