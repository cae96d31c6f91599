// The vectors that all clients share: testenv/vectors/wire/README.md defines them.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';

import { AuditError, AuditRejected, type AuditContext, type AuditEvent, type AuditEventInput } from '@audit-archiver/client';
import { AuditRecorder, type Fault } from '@audit-archiver/client/testing';

import { Web } from '../dist/web.js';
import { cleanup, client, deadLetters, folders, numbers, order, range, scratch, sidecar } from './helpers.mjs';

const root = new URL('../../../testenv/vectors/wire/', import.meta.url);

interface Vector {
  about: string;
  skip?: Record<string, string>;
}

function vectors<T>(folder: string, check: (t: TestContext, vector: T) => void | Promise<void>): void {
  const dir = new URL(`${folder}/`, root);
  const names = existsSync(dir) ? readdirSync(dir).filter((name) => name.endsWith('.json')) : [];
  if (names.length === 0) {
    test(`${folder}: vectors`, { skip: process.env['CI'] === undefined ? `there are none in ${dir.pathname}` : false }, () => assert.fail('there are none'));
  }
  for (const name of names) {
    const vector = JSON.parse(readFileSync(new URL(name, dir), 'utf8')) as T & Vector;
    test(`${folder}/${name}`, { skip: vector.skip?.['typescript'] ?? false }, (t) => check(t, vector));
  }
}

interface EventVector {
  event: AuditEventInput;
  context?: AuditContext;
  judge?: string;
  expect: { json?: Record<string, unknown>; errors?: { field: string }[] };
}

vectors<EventVector>('event', async (_t, v) => {
  const recorder = new AuditRecorder();
  const recorded = recorder.run(v.context ?? {}, () => recorder.record(v.event));
  if (v.expect.errors !== undefined) {
    if (v.judge === 'server') {
      await recorded.catch(() => undefined);
      return;
    }
    const error = await recorded.then(() => assert.fail('it was taken'), (e: unknown) => e);
    assert.ok(error instanceof AuditRejected);
    const within = (field: string, outer: string): boolean => field === outer || outer === '' || field.startsWith(`${outer}.`);
    const got = error.errors.map((e) => e.field);
    const want = v.expect.errors.map((e) => e.field);
    assert.ok(got.every((g) => want.some((w) => within(g, w))) && want.every((w) => got.some((g) => within(g, w))), `${got} instead of ${want}`);
    return;
  }
  const id = await recorded;
  const got = recorder.events[0] as AuditEvent & Record<string, unknown>;
  const want = withoutNulls((v.expect.json ?? v.event) as Record<string, unknown>);
  assert.equal(got.id, id);
  if (want['id'] === undefined) {
    assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    delete got.id;
  }
  if (want['timestamp'] === undefined) {
    assert.match(got.timestamp ?? '', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    delete got.timestamp;
  }
  assert.deepEqual(withoutNulls(got), want);
});

/** Drops members that are null, but for what is in details. */
function withoutNulls(object: Record<string, unknown>): Record<string, unknown> {
  const nested = (name: string, value: unknown): unknown =>
    name !== 'details' && typeof value === 'object' ? withoutNulls(value as Record<string, unknown>) : value;
  return Object.fromEntries(Object.entries(object).filter(([, v]) => v !== null).map(([name, v]) => [name, nested(name, v)]));
}

interface AnswerVector {
  batch: number;
  status: number;
  headers: Record<string, string>;
  body: string;
  expect: {
    delivered: number[];
    dead_lettered: { index: number; reason: string }[];
    retry: number[];
    back_off: boolean;
    halve: boolean;
    wait_at_least_s?: number;
    record?: 'returns' | 'retries' | 'AuditRejected' | 'AuditConflict' | 'AuditUnavailable';
  };
}

vectors<AnswerVector>('answer', async (t, v) => {
  const fake = await sidecar(t);
  const fault: Fault = { status: v.status, headers: v.headers, body: v.body };
  const audit = client(t, { url: fake.url, lingerMs: 60_000, batchEvents: v.batch });
  fake.next(fault);
  await Promise.all(range(0, v.batch).map((n) => audit.enqueue(order(n))));
  await fake.until(() => fake.requests.length === 1);
  assert.equal(fake.requests[0]?.lines.length, v.batch, 'one request');
  const { expect } = v;
  if ((expect.wait_at_least_s ?? 0) > 1) {
    await audit.flush(500).then(() => assert.fail('it did not wait'), () => undefined);
    assert.equal(fake.requests.length, 1);
  } else {
    await audit.flush(20_000);
    assert.deepEqual(numbers(fake.events), expect.retry);
    const again = fake.requests.slice(1).flatMap((r) => r.lines);
    assert.deepEqual(again, expect.retry.map((i) => fake.requests[0]?.lines[i]), 'other bytes');
    assert.equal(audit.stats().retries > 0, expect.back_off);
    if (expect.halve) {
      const half = fake.requests[1]?.lines.length ?? 0;
      assert.ok(half === Math.ceil(v.batch / 2) || half === Math.floor(v.batch / 2), `${half} events`);
    }
    const [first, second] = fake.requests;
    if (expect.wait_at_least_s !== undefined && first !== undefined && second !== undefined) {
      assert.ok(second.at - first.at >= expect.wait_at_least_s * 1000 - 5);
    }
    const letters = expect.dead_lettered.length > 0 ? deadLetters(audit.dir) : [];
    assert.deepEqual(
      letters.map((l) => ({ index: Number((l['event'] as AuditEvent).resource.id), reason: l['reason'] })).sort((a, b) => a.index - b.index),
      [...expect.dead_lettered].sort((a, b) => a.index - b.index),
    );
    assert.equal(audit.stats().delivered, expect.delivered.length + expect.retry.length);
  }
  if (expect.record !== undefined) {
    fake.rule = () => fault;
    const outcome = await client(t, { url: fake.url, recordTimeoutMs: 300 }).record(order(0)).then(
      () => 'returns',
      (e: unknown) => (e instanceof AuditError ? e.name : String(e)),
    );
    assert.equal(outcome, expect.record === 'retries' ? 'AuditUnavailable' : expect.record);
  }
});

interface SpoolVector {
  segments: { name: string; base64: string }[];
  cursor?: string;
  expect: { delivered: string[]; damaged: number };
}

vectors<SpoolVector>('spool', async (t, v) => {
  const dir = scratch(t);
  const orphan = join(dir, 'ts-01980c9e-6e1f-7c3a-9d55-000000000001');
  mkdirSync(orphan);
  for (const { name, base64 } of v.segments) {
    writeFileSync(join(orphan, name), Buffer.from(base64, 'base64'));
  }
  if (v.cursor !== undefined) {
    writeFileSync(join(orphan, 'cursor'), v.cursor);
  }
  // A server that takes everything: the fake sidecar would refuse some lines as events.
  const bodies: string[] = [];
  const server = createServer((request, response) => {
    request.setEncoding('utf8').on('data', (text: string) => bodies.push(text));
    request.on('end', () => {
      const events = bodies.join('').trimEnd().split('\n').slice(answered);
      answered += events.length;
      response.end(JSON.stringify({ stream: 's', events }));
    });
  });
  let answered = 0;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanup(t, () => server.close());
  const audit = client(t, { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, spoolDir: dir });
  const own = (): string => folders(dir).find((name) => !name.endsWith('000000000001')) ?? '';
  while (existsSync(orphan) || own() === '' || readdirSync(join(dir, own())).some((name) => name.startsWith('adopted-'))) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.deepEqual(bodies.join('').split('\n').slice(0, -1), v.expect.delivered);
  assert.equal(audit.stats().deadLettered, v.expect.damaged);
  if (v.expect.damaged > 0) {
    assert.deepEqual(deadLetters(dir).map((l) => l['reason']), Array(v.expect.damaged).fill('damaged'));
  }
  await audit.close();
  assert.deepEqual(folders(dir), []);
});

/** What a middleware makes of a request. */
function contextOf(headers: Record<string, string | undefined>, peer = '192.0.2.1', trustedProxies: string[] = []): ReturnType<Web<null, null>['contextOf']> {
  const request = { headers, socket: { remoteAddress: peer === '' ? undefined : peer } };
  return new Web<null, null>(new AuditRecorder(), { trustedProxies }).contextOf(null, request as never);
}

vectors<{ peer: string; trusted_proxies: string[]; x_forwarded_for: string[]; expect: { ip: string | null } }>('proxy', (_t, v) => {
  // Node joins the lines of a header so.
  const header = v.x_forwarded_for.length > 0 ? v.x_forwarded_for.join(', ') : undefined;
  assert.equal(contextOf({ 'x-forwarded-for': header }, v.peer, v.trusted_proxies).ip ?? null, v.expect.ip);
});

vectors<{ x_request_id: string | null; expect: { request_id: string | null } }>('request_id', (_t, v) => {
  const id = contextOf({ 'x-request-id': v.x_request_id ?? undefined }).request_id;
  if (v.expect.request_id === null) {
    assert.match(id, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
  } else {
    assert.equal(id, v.expect.request_id);
  }
});

vectors<{ traceparent: string | null; expect: { traceparent: string | null } }>('traceparent', (_t, v) => {
  assert.equal(contextOf({ traceparent: v.traceparent ?? undefined }).traceparent ?? null, v.expect.traceparent);
});

vectors<{ user_agent: string | null; expect: { user_agent: string | null } }>('user_agent', (_t, v) => {
  assert.equal(contextOf({ 'user-agent': v.user_agent ?? undefined }).user_agent ?? null, v.expect.user_agent);
});
