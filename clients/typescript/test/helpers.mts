import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

import { AuditClient, type AuditClientOptions, type AuditEventInput } from '@audit-archiver/client';
import { FakeSidecar, type FakeSidecarOptions } from '@audit-archiver/client/testing';

const cleanups = new WeakMap<TestContext, (() => unknown)[]>();

/** Calls fn after the test, last registered first: node:test goes the other way. */
export function cleanup(t: TestContext, fn: () => unknown): void {
  const list = cleanups.get(t);
  if (list !== undefined) {
    list.push(fn);
    return;
  }
  const made = [fn];
  cleanups.set(t, made);
  t.after(async () => {
    for (const each of made.reverse()) {
      await each();
    }
  });
}

/** A folder that is gone after the test. */
export function scratch(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'audit-ts-'));
  cleanup(t, () => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

export async function sidecar(t: TestContext, options: FakeSidecarOptions = {}): Promise<FakeSidecar> {
  const fake = await FakeSidecar.start(options);
  cleanup(t, () => fake.stop());
  return fake;
}

/** A client with its own spool, closed after the test. */
export function client(t: TestContext, options: AuditClientOptions): AuditClient & { dir: string } {
  const dir = options.spoolDir ?? scratch(t);
  const made = new AuditClient({ onDeadLetter: () => undefined, ...options, spoolDir: dir });
  cleanup(t, () => made.close(0));
  return Object.assign(made, { dir });
}

export function order(n: number, more: Partial<AuditEventInput> = {}): AuditEventInput {
  return {
    action: 'order.update',
    actor: { id: 'user-1', type: 'user' },
    resource: { type: 'order', id: String(n) },
    outcome: 'success',
    ...more,
  };
}

/** Numbers of the orders that events are about. */
export function numbers(events: readonly { resource: { id?: string | null | undefined } }[]): number[] {
  return events.map((e) => Number(e.resource.id));
}

export function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i);
}

/** The letters in a spool's dead-letter file. */
export function deadLetters(dir: string): Record<string, unknown>[] {
  const text = readFileSync(join(dir, 'dead-letter.ndjson'), 'utf8');
  return text.trimEnd().split('\n').map((line) => JSON.parse(line) as Record<string, unknown>);
}

/** The names in a spool folder but for the dead letters. */
export function folders(dir: string): string[] {
  return readdirSync(dir).filter((name) => name !== 'dead-letter.ndjson');
}
