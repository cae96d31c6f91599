import type { FieldError } from './errors.js';
import type { Answer } from './transport.js';

/** What an answer of the sidecar means for the events of its request. */
export type Verdict =
  | { kind: 'stored' }
  /** The named events can never be stored; the others were not. Keys are indexes. */
  | { kind: 'refused'; named: ReadonlyMap<number, FieldError[]>; conflict: boolean; status: number; detail: string }
  /** One of the events, or their number, is the reason; which one is not said. */
  | { kind: 'halve'; status: number; detail: string }
  /** No event is to blame, and no retry will help until somebody changes something. */
  | { kind: 'blocked'; status: number; detail: string }
  | { kind: 'retry'; status: number; detail: string; outcomeUnknown: boolean };

// Problems of which the sidecar says that nothing was stored.
const notStored = new Set(['busy', 'full', 'not-ready', 'timeout']);

/** Judges the answer to a request with so many events: clients/README.md, "Delivery". */
export function judge(answer: Answer, events: number): Verdict {
  const { status } = answer;
  const body = parse(answer.body);
  if (status === 200) {
    const stored = body['events'];
    if (Array.isArray(stored) && stored.length === events) {
      return { kind: 'stored' };
    }
    return { kind: 'retry', status, detail: `answered 200, but not for ${events} events`, outcomeUnknown: true };
  }
  const detail = detailOf(status, body);
  const named = namedBy(body['errors'], events);
  switch (status) {
    case 400:
    case 413:
    case 422:
      return named.size > 0
        ? { kind: 'refused', named, conflict: false, status, detail }
        : { kind: 'halve', status, detail };
    case 409:
      return named.size > 0
        ? { kind: 'refused', named, conflict: true, status, detail }
        : { kind: 'blocked', status, detail };
    case 408:
    case 425:
    case 429:
      return { kind: 'retry', status, detail, outcomeUnknown: false };
  }
  if (status >= 400 && status < 500) {
    return { kind: 'blocked', status, detail };
  }
  const outcomeUnknown = !notStored.has(problemOf(body)) && (status < 300 || status >= 500);
  return { kind: 'retry', status, detail, outcomeUnknown };
}

/** The members of a JSON object; none when it is something else. */
function parse(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

function problemOf(body: Record<string, unknown>): string {
  const type = body['type'];
  return typeof type === 'string' ? type.replace('urn:archiver:problem:', '') : '';
}

function detailOf(status: number, body: Record<string, unknown>): string {
  const words = [body['title'], body['detail']].filter((w) => typeof w === 'string');
  return words.length > 0 ? `${status}: ${words.join(': ')}` : `answered ${status}`;
}

/** Sorts errors by the event that they are about; an index of no event is useless. */
function namedBy(errors: unknown, events: number): Map<number, FieldError[]> {
  const named = new Map<number, FieldError[]>();
  if (!Array.isArray(errors)) {
    return named;
  }
  for (const error of errors as unknown[]) {
    const { index, field, reason } = (error ?? {}) as Record<string, unknown>;
    if (!Number.isInteger(index) || (index as number) < 0 || (index as number) >= events) {
      continue;
    }
    const list = named.get(index as number) ?? [];
    list.push({ field: typeof field === 'string' ? field : '', reason: typeof reason === 'string' ? reason : '' });
    named.set(index as number, list);
  }
  return named;
}
