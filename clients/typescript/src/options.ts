import { homedir } from 'node:os';
import { join } from 'node:path';

import type { AuditEvent } from './event.gen.js';
import type { FieldError } from './errors.js';
import type { DeadLetterReason } from './spool/deadletter.js';
import { targetOf } from './transport.js';

/**
 * What {@link AuditClient.record} does when the sidecar cannot be reached until the
 * deadline: throw, or leave the event to the spool. There is no policy that drops.
 */
export type Policy = 'fail_closed' | 'fail_open_spooled';

/** An event that was put into the dead-letter file. */
export interface DeadLetterReport {
  /** The event; of a damaged line, its text. */
  readonly event: AuditEvent | string;
  readonly reason: DeadLetterReason;
  /** The HTTP status that refused it; null: none did. */
  readonly status: number | null;
  readonly errors: readonly FieldError[];
  /** The dead-letter file. */
  readonly path: string;
}

/** Options of an {@link AuditClient}. Times are in milliseconds. */
export interface AuditClientOptions {
  /**
   * The sidecar: `http://`, `https://` or `unix:/path/to/socket`. Default:
   * `ARCHIVER_URL`, else `http://127.0.0.1:8420`.
   */
  url?: string | undefined;
  /** Bearer token. Default: `ARCHIVER_TOKEN`. */
  token?: string | undefined;
  /** Deadline of one `record`, retries included. Default: 10 s. */
  recordTimeoutMs?: number | undefined;
  /** Of one HTTP request. Default: 5 s. */
  requestTimeoutMs?: number | undefined;
  /**
   * Where `enqueue` writes; on a local disk. Default: `ARCHIVER_SPOOL_DIR`, else the
   * folder `audit-archiver` in `XDG_STATE_HOME` or `~/.local/state`.
   */
  spoolDir?: string | undefined;
  /** Most bytes that wait in this client's spool. Default: 256 MiB. */
  spoolMaxBytes?: number | undefined;
  /** `always`: fsync before `enqueue` resolves; `interval` (default): every {@link spoolSyncIntervalMs}. */
  spoolSync?: 'always' | 'interval' | undefined;
  /** What a power failure may cost with `interval`. Default: 50 ms. */
  spoolSyncIntervalMs?: number | undefined;
  /** How long `enqueue` waits for room. Default: 5 s. */
  enqueueTimeoutMs?: number | undefined;
  /** Most events in one request of the sender. Default: 500. */
  batchEvents?: number | undefined;
  /** Most bytes in one request of the sender. Default: 1 MiB. */
  batchBytes?: number | undefined;
  /** How long the sender waits for a batch to fill. Default: 20 ms. */
  lingerMs?: number | undefined;
  /** Policies by action (`user.delete`) or prefix of actions (`user.`); the longest match counts. */
  policies?: Readonly<Record<string, Policy>> | undefined;
  /** Called with what was dead-lettered. Default: writes one line to standard error. */
  onDeadLetter?: ((report: DeadLetterReport) => void) | undefined;
}

/** Options with their defaults filled in. */
export type ResolvedOptions = {
  readonly [K in keyof AuditClientOptions]-?: K extends 'token'
    ? string | undefined
    : Exclude<AuditClientOptions[K], undefined>;
};

/** Fills in defaults. Throws a TypeError or RangeError that names the option. */
export function resolveOptions(options: AuditClientOptions, env: NodeJS.ProcessEnv = process.env): ResolvedOptions {
  const url = options.url ?? (env['ARCHIVER_URL'] || 'http://127.0.0.1:8420');
  targetOf(url);
  const spoolSync = options.spoolSync ?? 'interval';
  if (spoolSync !== 'always' && spoolSync !== 'interval') {
    throw new TypeError(`spoolSync: must be "always" or "interval", not ${JSON.stringify(spoolSync)}`);
  }
  const number = (name: keyof AuditClientOptions, otherwise: number, least: number, most: number): number => {
    const value = options[name] ?? otherwise;
    if (typeof value !== 'number' || !(value >= least && value <= most)) {
      throw new RangeError(`${name}: must be a number from ${least} to ${most}, not ${String(value)}`);
    }
    return value;
  };
  const day = 24 * 60 * 60 * 1000;
  return {
    url,
    token: options.token ?? (env['ARCHIVER_TOKEN'] || undefined),
    recordTimeoutMs: number('recordTimeoutMs', 10_000, 1, day),
    requestTimeoutMs: number('requestTimeoutMs', 5_000, 1, day),
    spoolDir: options.spoolDir ?? defaultSpoolDir(env),
    spoolMaxBytes: number('spoolMaxBytes', 256 << 20, 1, Number.MAX_SAFE_INTEGER),
    spoolSync,
    spoolSyncIntervalMs: number('spoolSyncIntervalMs', 50, 1, day),
    enqueueTimeoutMs: number('enqueueTimeoutMs', 5_000, 0, day),
    batchEvents: number('batchEvents', 500, 1, 10_000),
    batchBytes: number('batchBytes', 1 << 20, 1, 16 << 20),
    lingerMs: number('lingerMs', 20, 0, day),
    policies: checkPolicies(options.policies ?? {}),
    onDeadLetter: options.onDeadLetter ?? logDeadLetter,
  };
}

/** The policy of an action: its own, or that of the longest prefix that ends in a dot. */
export function policyFor(action: string, policies: Readonly<Record<string, Policy>>): Policy {
  for (let name = action; name !== ''; name = name.slice(0, name.lastIndexOf('.', name.length - 2) + 1)) {
    const policy = Object.hasOwn(policies, name) ? policies[name] : undefined;
    if (policy !== undefined) {
      return policy;
    }
  }
  return 'fail_closed';
}

function checkPolicies(policies: Readonly<Record<string, Policy>>): Readonly<Record<string, Policy>> {
  for (const [name, policy] of Object.entries(policies)) {
    if (policy !== 'fail_closed' && policy !== 'fail_open_spooled') {
      throw new TypeError(`policies: ${name}: must be "fail_closed" or "fail_open_spooled", not ${JSON.stringify(policy)}`);
    }
  }
  return policies;
}

function defaultSpoolDir(env: NodeJS.ProcessEnv): string {
  return env['ARCHIVER_SPOOL_DIR'] || join(env['XDG_STATE_HOME'] || join(homedir(), '.local', 'state'), 'audit-archiver');
}

function logDeadLetter({ event, reason, status, errors, path }: DeadLetterReport): void {
  const what = typeof event === 'string' ? 'a line' : `${event.action} ${event.id ?? ''}`;
  const why = errors.map((e) => `${e.field} ${e.reason}`.trim()).join('; ');
  console.error(`audit: dead letter: ${what}: ${reason}${status === null ? '' : ` (${status})`}${why === '' ? '' : `: ${why}`}; kept in ${path}`);
}
