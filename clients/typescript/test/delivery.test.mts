// Every row of the table "Delivery" in clients/README.md.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';

import { AuditConflict, AuditRejected, AuditUnavailable } from '@audit-archiver/client';
import type { Fault } from '@audit-archiver/client/testing';

import { cleanup, client, deadLetters, numbers, order, range, scratch, sidecar } from './helpers.mjs';

const problem = (status: number, errors: object[]): Fault => ({ status, body: { type: 'urn:archiver:problem:x', title: 'x', status, errors } });

test('200: recorded, and delivered in order in few requests', async (t) => {
  const fake = await sidecar(t);
  const audit = client(t, { url: fake.url, lingerMs: 1000 });
  const id = await audit.record(order(0));
  await Promise.all(range(1, 1001).map((n) => audit.enqueue(order(n))));
  await audit.flush();
  assert.equal(fake.events[0]?.id, id);
  assert.deepEqual(numbers(fake.events), range(0, 1001));
  assert.ok(fake.requests.length <= 4, `${fake.requests.length} requests`);
  const stats = audit.stats();
  assert.deepEqual(
    [stats.recorded, stats.enqueued, stats.delivered, stats.deadLettered, stats.spoolBytes, stats.spoolEvents, stats.retries],
    [1, 1000, 1000, 0, 0, 0, 0],
  );
  assert.ok(stats.lastDeliveredAt instanceof Date);
});

for (const status of [400, 413, 409]) {
  const reason = status === 409 ? 'conflict' : 'rejected';

  test(`${status} with indexes: those are dead letters, the others are sent again at once`, async (t) => {
    const fake = await sidecar(t);
    const reports: unknown[] = [];
    const audit = client(t, { url: fake.url, lingerMs: 1000, onDeadLetter: (r) => reports.push([r.reason, r.status, r.errors, r.path]) });
    fake.next(problem(status, [{ index: 1, field: 'a', reason: 'bad' }, { index: 3, field: 'b', reason: 'worse' }, { index: 99, field: 'c', reason: '' }]));
    await Promise.all(range(0, 5).map((n) => audit.enqueue(order(n))));
    await audit.flush();
    assert.deepEqual(numbers(fake.events), [0, 2, 4]);
    assert.equal(fake.requests.length, 2);
    assert.equal(audit.stats().retries, 0, 'it waited');
    const letters = deadLetters(audit.dir);
    assert.deepEqual(letters.map((l) => [l['reason'], l['status'], l['errors']]), [
      [reason, status, [{ field: 'a', reason: 'bad' }]],
      [reason, status, [{ field: 'b', reason: 'worse' }]],
    ]);
    assert.deepEqual(numbers(letters.map((l) => l['event']) as never), [1, 3]);
    assert.deepEqual(reports[0], [reason, status, [{ field: 'a', reason: 'bad' }], `${audit.dir}/dead-letter.ndjson`]);
    assert.equal(audit.stats().deadLettered, 2);
  });

  test(`${status}: record throws at once, with the event`, async (t) => {
    const fake = await sidecar(t);
    const audit = client(t, { url: fake.url });
    fake.next(problem(status, [{ index: 0, field: 'a', reason: 'bad' }]));
    const error = await audit.record(order(7)).then(assert.fail, (e: unknown) => e);
    assert.ok(error instanceof (status === 409 ? AuditConflict : AuditRejected));
    assert.deepEqual(error.errors, [{ field: 'a', reason: 'bad' }]);
    assert.deepEqual(numbers(error.events), [7]);
    assert.match(error.message, new RegExp(`^record order.update ${error.event?.id}: .*a bad`));
    assert.equal(fake.requests.length, 1);
  });
}

test('an id that is used twice: a conflict is a dead letter, the same event is stored once', async (t) => {
  const fake = await sidecar(t);
  const audit = client(t, { url: fake.url });
  const id = await audit.record(order(1));
  const again = { ...order(1), id, timestamp: fake.events[0]?.timestamp };
  await audit.record(again);
  await audit.enqueue(again);
  await audit.enqueue(again); // never in one request with the one before
  await audit.enqueue({ ...order(2), id });
  await audit.enqueue(order(3));
  await audit.flush();
  assert.deepEqual(numbers(fake.events), [1, 3]);
  assert.deepEqual(deadLetters(audit.dir).map((l) => l['reason']), ['conflict']);
  await assert.rejects(audit.record({ ...order(2), id }), AuditConflict);
});

test('400, 413, 422 without indexes: halves until the one to blame is alone', async (t) => {
  for (const status of [400, 413, 422]) {
    const fake = await sidecar(t);
    fake.rule = ({ lines }) => (lines.some((l) => l.includes('"id":"13"')) ? { status, body: 'too much' } : undefined);
    const audit = client(t, { url: fake.url, lingerMs: 1000 });
    await Promise.all(range(0, 64).map((n) => audit.enqueue(order(n))));
    await audit.flush();
    assert.deepEqual(numbers(fake.events), range(0, 64).filter((n) => n !== 13));
    assert.deepEqual(deadLetters(audit.dir).map((l) => [l['reason'], l['status']]), [['rejected', status]]);
    assert.ok(fake.requests.length < 20, `${fake.requests.length} requests`);
    await assert.rejects(audit.record(order(13)), AuditRejected);
  }
});

test('413 for the size of the request: nothing is lost, all of it arrives in order', async (t) => {
  const fake = await sidecar(t);
  fake.rule = ({ lines }) => (lines.length > 10 ? { status: 413 } : undefined);
  const audit = client(t, { url: fake.url, lingerMs: 1000 });
  await Promise.all(range(0, 100).map((n) => audit.enqueue(order(n))));
  await audit.flush();
  assert.deepEqual(numbers(fake.events), range(0, 100));
  assert.equal(audit.stats().deadLettered, 0);
});

for (const status of [401, 403, 404, 405, 415, 418, 409]) {
  test(`${status}, naming no event: keeps everything and tries again; record throws at once`, async (t) => {
    const fake = await sidecar(t);
    const audit = client(t, { url: fake.url });
    fake.next({ status });
    const error = await audit.record(order(0)).then(assert.fail, (e: unknown) => e);
    assert.ok(error instanceof AuditUnavailable);
    assert.deepEqual([error.status, error.outcomeUnknown, fake.requests.length], [status, false, 1]);

    fake.next({ status }, { status });
    await audit.enqueue(order(1));
    await audit.flush();
    assert.deepEqual(numbers(fake.events), [1]);
    assert.equal(audit.stats().retries, 2);
    assert.match(String(audit.stats().lastError?.error), new RegExp(String(status)));
  });
}

const transient: [string, Fault][] = [
  ...[408, 425, 429, 500, 502, 503, 302].map((status): [string, Fault] => [String(status), { status }]),
  ['a cut before it is stored', { cut: 'before_store' }],
  ['a cut after it is stored', { cut: 'after_store' }],
  ['a stall', { stall: true }],
  ['an answer that is no JSON', { status: 200, body: '<html>' }],
  ['an answer for too few events', { status: 200, body: { stream: 's', events: [] } }],
  ['204', { status: 204 }],
];
for (const [name, fault] of transient) {
  test(`${name}: record and the sender try again with the same bytes`, async (t) => {
    const fake = await sidecar(t);
    const audit = client(t, { url: fake.url, requestTimeoutMs: 200 });
    fake.next(fault);
    await audit.record(order(0));
    assert.equal(audit.stats().retries, 1);
    fake.next(fault, fault);
    await Promise.all([audit.enqueue(order(1)), audit.enqueue(order(2))]);
    await audit.flush();
    assert.deepEqual(numbers(fake.events), [0, 1, 2]);
    assert.deepEqual(fake.requests[0]?.lines, fake.requests[1]?.lines);
    assert.deepEqual(fake.requests[2]?.lines, fake.requests[4]?.lines);
    assert.equal(audit.stats().retries, 3);
  });

  test(`${name}, until the deadline: AuditUnavailable, or the spool`, async (t) => {
    const fake = await sidecar(t);
    fake.rule = () => fault;
    const audit = client(t, { url: fake.url, requestTimeoutMs: 100, recordTimeoutMs: 250, policies: { 'order.': 'fail_open_spooled' } });
    const unknown = !['408', '425', '429', '302'].includes(name);
    const error = await audit.record(order(0), { policy: 'fail_closed' }).then(assert.fail, (e: unknown) => e);
    assert.ok(error instanceof AuditUnavailable);
    assert.equal(error.outcomeUnknown, unknown);
    assert.equal(error.status, 'status' in fault ? fault.status : undefined);

    const id = await audit.record(order(1));
    assert.equal(audit.stats().spoolEvents, 1);
    fake.rule = undefined;
    await audit.flush();
    assert.equal(fake.events.at(-1)?.id, id);
  });
}

test('no connection: known not to be stored', async (t) => {
  const fake = await sidecar(t);
  const { url } = fake;
  await fake.stop();
  const audit = client(t, { url, recordTimeoutMs: 50 });
  const error = await audit.record(order(0)).then(assert.fail, (e: unknown) => e);
  assert.ok(error instanceof AuditUnavailable);
  assert.equal(error.outcomeUnknown, false);
  assert.match(error.message, /ECONNREFUSED/);
});

test('an answer that ends too early is none', async (t) => {
  let requests = 0;
  const server = createServer((request, response) => {
    request.resume().on('end', () => {
      if (++requests % 2 === 1) {
        response.writeHead(200, { 'content-length': 100 }).write('{"stream":', () => response.destroy());
      } else {
        response.end('{"stream":"s","events":[{}]}');
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanup(t, () => server.close());
  const audit = client(t, { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
  await audit.record(order(0));
  await audit.enqueue(order(1));
  await audit.flush();
  assert.deepEqual([requests, audit.stats().retries], [4, 2]);
});

test('503 that says that nothing was stored', async (t) => {
  const fake = await sidecar(t);
  fake.rule = () => ({ status: 503, body: { type: 'urn:archiver:problem:full', title: 'There is no room', status: 503 } });
  const audit = client(t, { url: fake.url, recordTimeoutMs: 200 });
  const error = await audit.record(order(0)).then(assert.fail, (e: unknown) => e);
  assert.ok(error instanceof AuditUnavailable);
  assert.deepEqual([error.status, error.outcomeUnknown], [503, false]);
});

test('Retry-After is the least wait', async (t) => {
  const fake = await sidecar(t);
  const audit = client(t, { url: fake.url });
  const busy: Fault = { status: 503, headers: { 'retry-after': '1' } };
  fake.next(busy);
  await audit.record(order(0));
  fake.next(busy);
  await audit.enqueue(order(1));
  await audit.flush();
  const [a = 0, b = 0, c = 0, d = 0] = fake.requests.map((r) => r.at);
  assert.ok(b - a >= 995 && d - c >= 995, `waited ${b - a} and ${d - c} ms`);
});

test('an outage: nothing is lost, nothing is doubled, the order stays', async (t) => {
  const fake = await sidecar(t);
  const faults: Fault[] = [{ cut: 'before_store' }, { cut: 'after_store' }, { status: 503 }, { status: 500 }, { status: 200, body: '' }];
  let request = 0;
  fake.rule = () => (request++ % 2 === 0 ? faults[(request >> 1) % faults.length] : undefined);
  const audit = client(t, { url: fake.url, batchEvents: 50, lingerMs: 0 });
  for (const n of range(0, 500)) {
    await audit.enqueue(order(n));
  }
  await audit.flush();
  assert.deepEqual(numbers(fake.events), range(0, 500));
});

test('the token, a Unix socket, a base path', async (t) => {
  const path = `${scratch(t)}/sidecar.sock`;
  const fake = await sidecar(t, { listen: { path }, token: 'secret' });
  const audit = client(t, { url: `unix:${path}`, token: 'secret' });
  await audit.record(order(0));
  assert.equal(fake.requests[0]?.headers.host, 'localhost');
  assert.equal(fake.requests[0]?.headers['content-type'], 'application/x-ndjson');
  await assert.rejects(client(t, { url: `unix:${path}`, token: 'other' }).record(order(1)), { status: 401 });
});

test('events of more days than a request may have go in several', async (t) => {
  const fake = await sidecar(t);
  const audit = client(t, { url: fake.url, lingerMs: 1000 });
  // Two of each day, one of them written as the day before.
  const timestamp = (n: number): string =>
    n % 2 === 0
      ? new Date((n >> 1) * 86_400_000).toISOString()
      : new Date(((n >> 1) - 1) * 86_400_000).toISOString().replace('T00:00:00.000Z', 'T23:30:00-01:00');
  await Promise.all(range(0, 120).map((n) => audit.enqueue(order(n, { timestamp: timestamp(n) }))));
  await audit.flush();
  assert.deepEqual(numbers(fake.events), range(0, 120));
  assert.deepEqual(fake.requests.map((r) => r.lines.length), [40, 40, 40]);
});
