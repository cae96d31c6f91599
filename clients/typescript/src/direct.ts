import { judge } from './answer.js';
import type { Backoff } from './backoff.js';
import { AuditConflict, AuditRejected, AuditUnavailable, type Unavailability } from './errors.js';
import { TransportError, type Transport } from './transport.js';
import { attempt, type Prepared } from './wire.js';

export interface DirectOptions {
  readonly transport: Pick<Transport, 'post'>;
  readonly recordTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly backoff: Backoff;
  readonly onRetry: () => void;
}

// A try that has less time than this ends with an outcome that is not known.
const leastTryMs = 50;

/**
 * Sends one event until the sidecar has it. Throws {@link AuditRejected},
 * {@link AuditConflict}, or, at the deadline, {@link AuditUnavailable}.
 */
export async function sendDirectly({ event, json }: Prepared, o: DirectOptions): Promise<void> {
  const what = attempt('record', event);
  const body = Buffer.from(`${json}\n`);
  const deadline = performance.now() + o.recordTimeoutMs;
  const left = (): number => deadline - performance.now();
  let why: Unavailability = { outcomeUnknown: false };
  for (let tries = 0; ; tries++) {
    if (tries > 0) {
      o.onRetry();
    }
    let retryAfterMs = 0;
    try {
      const answer = await o.transport.post(body, Math.ceil(Math.min(o.requestTimeoutMs, left())));
      retryAfterMs = answer.retryAfterMs;
      const verdict = judge(answer, 1);
      if (verdict.kind === 'stored') {
        return;
      }
      if (verdict.kind === 'refused') {
        const errors = verdict.named.get(0) ?? [];
        throw verdict.conflict ? new AuditConflict(what, errors, event) : new AuditRejected(what, errors, event);
      }
      if (verdict.kind === 'halve') {
        throw new AuditRejected(what, [{ field: '', reason: verdict.detail }], event);
      }
      // An earlier try whose outcome is unknown may have stored it.
      const outcomeUnknown = why.outcomeUnknown || (verdict.kind === 'retry' && verdict.outcomeUnknown);
      why = { cause: new Error(verdict.detail), status: verdict.status, outcomeUnknown };
      if (verdict.kind === 'blocked') {
        break;
      }
    } catch (error) {
      if (!(error instanceof TransportError)) {
        throw error;
      }
      why = { cause: error, outcomeUnknown: why.outcomeUnknown || error.outcomeUnknown };
    }
    // At most half of what is left, so that time remains for trying.
    const pause = Math.max(retryAfterMs, Math.min(o.backoff(tries), left() / 2));
    if (left() - pause < leastTryMs) {
      break;
    }
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
  throw new AuditUnavailable(what, why, [event]);
}
