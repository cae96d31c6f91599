// The rest of the interface: conveniences, context, policies, options, test kit.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { AuditClient, AuditClosed, AuditRejected, AuditUnavailable, type AuditClientOptions } from '@audit-archiver/client';
import { AuditRecorder, FakeSidecar } from '@audit-archiver/client/testing';

import { policyFor, resolveOptions } from '../dist/options.js';
import { retryAfterOf, targetOf } from '../dist/transport.js';
import { IdSource } from '../dist/uuid.js';
import { version } from '../dist/version.js';
import { order, scratch, sidecar } from './helpers.mjs';

test('the convenience calls of the specification', async () => {
  const audit = new AuditRecorder();
  await audit.logLogin('user-123', false, { mfa: false });
  await audit.logDataAccess('user-123', 'order', 'order-456');
  await audit.logDataChange('user-123', 'order', 'order-456', 'update', { before: { total: 1 }, after: { total: 2 } });
  await audit.logDataChange('user-123', 'order', 'order-456', 'delete');
  const actor = { id: 'user-123', type: 'user' } as const;
  audit.expect('user.login', { actor, resource: { type: 'session' }, outcome: 'failure', details: { mfa: false } });
  audit.expect('order.read', { actor, resource: { type: 'order', id: 'order-456' }, outcome: 'success' });
  audit.expect('order.update', { details: { before: { total: 1 }, after: { total: 2 } } });
  assert.equal(audit.expect('order.delete').details, undefined);
});

test('a context is kept through awaits and timers, and nests', async () => {
  const audit = new AuditRecorder();
  await audit.run({ request_id: 'outer', ip: '192.0.2.1' }, async () => {
    await new Promise((resolve) => setTimeout(resolve, 1));
    await audit.run({ request_id: 'inner' }, async () => {
      await null;
      await audit.record(order(1));
    });
    await audit.record(order(2, { ip: '192.0.2.2' }));
  });
  assert.deepEqual(audit.events.map((e) => [e.request_id, e.ip]), [['inner', '192.0.2.1'], ['outer', '192.0.2.2']]);
  assert.equal(audit.context(), undefined);
});

test('an actor that cannot be asked for, and details that are no JSON', async () => {
  const audit = new AuditRecorder();
  const { actor: _, ...event } = order(1);
  const refused = await audit
    .run({ actor: () => { throw new Error('no session'); } }, () => audit.record(event))
    .then(assert.fail, (e: unknown) => e);
  assert.ok(refused instanceof AuditRejected);
  assert.match(refused.message, /record order.update.*: actor cannot be asked for: no session/);
  const cycle: Record<string, unknown> = {};
  cycle['self'] = cycle;
  for (const details of [cycle, { big: 1n }, new Date(), [] as never]) {
    await assert.rejects(audit.record(order(1, { details: details as never })), (e: AuditRejected) => e.errors[0]?.field === 'details');
  }
  for (const wrong of [null, undefined, 'x', [], 7]) {
    await assert.rejects(audit.record(wrong as never), AuditRejected);
  }
});

test('policies: the longest match counts', () => {
  const policies = { 'user.': 'fail_open_spooled', 'user.delete': 'fail_closed', 'user.login.': 'fail_closed' } as const;
  assert.equal(policyFor('user.read', policies), 'fail_open_spooled');
  assert.equal(policyFor('user.delete', policies), 'fail_closed');
  assert.equal(policyFor('user.login', policies), 'fail_open_spooled');
  assert.equal(policyFor('user.login.mfa', policies), 'fail_closed');
  assert.equal(policyFor('user', policies), 'fail_closed');
  assert.equal(policyFor('toString', policies), 'fail_closed');
});

test('options come from the environment, and wrong ones are named', () => {
  const env = { ARCHIVER_URL: 'unix:/run/archiver.sock', ARCHIVER_TOKEN: 't', XDG_STATE_HOME: '/state' };
  const o = resolveOptions({}, env);
  assert.deepEqual([o.url, o.token, o.spoolDir], ['unix:/run/archiver.sock', 't', '/state/audit-archiver']);
  assert.equal(resolveOptions({}, { ...env, ARCHIVER_SPOOL_DIR: '/spool' }).spoolDir, '/spool');
  assert.match(resolveOptions({}, {}).spoolDir, /\.local\/state\/audit-archiver$/);
  assert.equal(resolveOptions({}, {}).url, 'http://127.0.0.1:8420');
  const wrong: AuditClientOptions[] = [{ batchEvents: 0 }, { url: 'ftp://x' }, { url: 'x' }, { url: 'unix:x' }, { spoolSync: 'never' as never }, { policies: { a: 'drop' as never } }, { recordTimeoutMs: NaN }];
  for (const options of wrong) {
    assert.throws(() => new AuditClient(options), new RegExp(Object.keys(options)[0] ?? ''));
  }
  assert.equal(targetOf('https://[::1]:8420/base/').hostname, '::1');
  assert.equal(targetOf('https://[::1]:8420/base/').path, '/base/v1/events');
});

test('Retry-After in seconds and as a date, at most a minute', () => {
  const now = Date.parse('2026-11-23T10:00:00Z');
  assert.equal(retryAfterOf('7', now), 7000);
  assert.equal(retryAfterOf('86400', now), 60_000);
  assert.equal(retryAfterOf('Mon, 23 Nov 2026 10:00:30 GMT', now), 30_000);
  assert.equal(retryAfterOf('Mon, 23 Nov 2026 09:00:30 GMT', now), 0);
  for (const none of ['-5', '1.5', 'soon', '', undefined]) {
    assert.equal(retryAfterOf(none, now), 0);
  }
});

test('ids are UUIDs of version 7 that grow, also when the clock does not', () => {
  const source = new IdSource();
  const now = Date.parse('2026-11-23T10:11:12.345Z');
  const ids = Array.from({ length: 10_000 }, (_, i) => source.next(now - (i % 2)));
  for (const id of ids) {
    assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  }
  assert.deepEqual([...ids].sort(), ids);
  assert.equal(new Set(ids).size, ids.length);
  assert.equal(parseInt((ids[0] ?? '').replace('-', '').slice(0, 12), 16), now);
});

test('await using closes', async (t) => {
  const fake = await sidecar(t);
  const audit = new AuditClient({ url: fake.url, spoolDir: scratch(t) });
  await audit.enqueue(order(1));
  await audit[Symbol.asyncDispose]();
  assert.equal(fake.events.length, 1);
  await assert.rejects(audit.enqueue(order(2)), AuditClosed);
});

test('the recorder finds, and says what it has instead', async () => {
  const audit = new AuditRecorder();
  await audit.enqueue(order(1, { reason: 'because' }));
  assert.equal(audit.find({ resource: { id: '1' } }).length, 1);
  assert.equal(audit.find({ resource: { id: '2' } }).length, 0);
  assert.throws(() => audit.expect('order.delete', { outcome: 'failure' }), /no event like .*order.delete.*\n.*because/s);
  audit.unavailable = true;
  await assert.rejects(audit.record(order(2)), AuditUnavailable);
  await audit.record(order(3), { policy: 'fail_open_spooled' });
  audit.clear();
  assert.equal(audit.events.length, 0);
});

test('the fake sidecar refuses what the real one refuses', async (t) => {
  const fake = await FakeSidecar.start();
  t.after(() => fake.stop());
  const post = async (body: string): Promise<[number, unknown]> => {
    const answer = await fetch(`${fake.url}/v1/events`, { method: 'POST', body });
    return [answer.status, ((await answer.json()) as { errors?: unknown }).errors];
  };
  const good = { ...order(1), id: '01980c9e-6e1f-7c3a-9d55-00000000000a' };
  const line = JSON.stringify(good);
  assert.deepEqual(await post(`${line}\n${line}`), [400, [{ index: 1, field: 'id', reason: 'is also the id of event 0' }]]);
  assert.equal((await post(line))[0], 200);
  assert.equal((await post(JSON.stringify({ ...order(1), id: good.id.toUpperCase(), reason: null })))[0], 200);
  assert.equal((await post(JSON.stringify({ ...good, reason: '' })))[0], 409);
  assert.equal((await post('{'))[0], 400);
  assert.equal((await post('null'))[0], 400);
  assert.equal((await post(''))[0], 400);
  assert.equal(fake.events.length, 1);
});

test('the version is that of the package', () => {
  const { version: want } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string };
  assert.equal(version, want);
});
