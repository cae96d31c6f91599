// The spool on disk: what is written, what is read, who owns it.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';

import { AuditClosed, AuditSpoolFull, AuditUnavailable } from '@audit-archiver/client';

import { crc32, makeCrc32 } from '../dist/spool/crc.js';
import { LineEncoder, nameOfSegment } from '../dist/spool/format.js';
import { isHeld, Owner, sweepUnfinished } from '../dist/spool/owner.js';
import { cleanup, client, deadLetters, folders, numbers, order, range, scratch, sidecar } from './helpers.mjs';

const nowhere = 'http://127.0.0.1:1'; // tcpmux; nobody listens

const text = (n: number): string => JSON.stringify({ id: `01980c9e-6e1f-7c3a-9d55-${String(n).padStart(12, '0')}`, timestamp: '2026-11-23T10:11:12.345Z', ...order(n) });
const line = (n: number): string => new LineEncoder().encode(text(n)).toString();

/** Makes the folder of a process that has ended. */
function orphan(dir: string, name: string, segments: string[], cursor?: string): string {
  const folder = join(dir, name);
  fs.mkdirSync(folder);
  segments.forEach((content, i) => fs.writeFileSync(join(folder, nameOfSegment(i + 1)), content));
  if (cursor !== undefined) {
    fs.writeFileSync(join(folder, 'cursor'), cursor);
  }
  return folder;
}

const orphanName = (n: number): string => `ts-01980c9e-6e1f-7c3a-9d55-${String(n).padStart(12, '0')}`;

test('a line is checksum, JSON, line feed; folders are 0700, files 0600', async (t) => {
  const audit = client(t, { url: nowhere, spoolDir: join(scratch(t), 'deep', 'spool') });
  await audit.enqueue(order(1, { details: { text: 'naïve 🔒' } }));
  const [name = ''] = folders(audit.dir);
  assert.match(name, /^ts-[0-9a-f-]{36}$/);
  const file = join(audit.dir, name, '00000000000000000001.spool');
  const written = fs.readFileSync(file);
  const json = written.subarray(9, -1);
  assert.equal(written.toString('latin1', 0, 9), `${crc32(json).toString(16).padStart(8, '0')} `);
  assert.equal(written.at(-1), 0x0a);
  assert.equal((JSON.parse(json.toString()) as { details: { text: string } }).details.text, 'naïve 🔒');
  assert.equal(crc32(Buffer.from('123456789')), 0xcbf43926); // the check value of CRC-32/ISO-HDLC
  assert.equal(makeCrc32()(json), crc32(json));
  const mode = (path: string): number => fs.statSync(path).mode & 0o777;
  assert.deepEqual([mode(audit.dir), mode(join(audit.dir, name)), mode(file)], [0o700, 0o700, 0o600]);
});

test('events that are enqueued before the spool is open keep their order', async (t) => {
  const fake = await sidecar(t);
  const audit = client(t, { url: fake.url });
  const early = range(0, 20).map((n) => audit.enqueue(order(n)));
  await early[0];
  await Promise.all([...early, ...range(20, 40).map((n) => audit.enqueue(order(n)))]);
  await audit.flush();
  assert.deepEqual(numbers(fake.events), range(0, 40));
});

test('what an ended process left: torn lines end a segment, damaged ones are dead letters, the cursor counts', async (t) => {
  const fake = await sidecar(t);
  const dir = scratch(t);
  const damaged = line(2).replace('order.update', 'order.upd4te');
  orphan(dir, orphanName(1), [line(0) + line(1) + damaged + line(3) + line(4).slice(0, -20), line(5) + line(6).slice(0, 3), line(7)], JSON.stringify({ segment: 1, offset: line(0).length }));
  orphan(dir, orphanName(2), []);
  orphan(dir, orphanName(3), [line(8)], '{"segm');
  const audit = client(t, { url: fake.url, spoolDir: dir });
  await fake.stored(5);
  await audit.close();
  assert.deepEqual(numbers(fake.events), [1, 3, 5, 7, 8]);
  assert.deepEqual(deadLetters(dir).map((l) => [l['reason'], l['event'], Buffer.from(String(l['line']), 'base64').toString()]), [['damaged', null, damaged.slice(0, -1)]]);
  assert.deepEqual(folders(dir), []);
  assert.equal(audit.stats().deadLettered, 1);
});

test('an adopter that died is adopted with what it holds', async (t) => {
  const fake = await sidecar(t);
  const dir = scratch(t);
  const a = orphan(dir, orphanName(1), [line(3)]);
  const b = orphan(a, orphanName(2).replace('ts-', 'adopted-'), [line(2)]);
  orphan(b, orphanName(3).replace('ts-', 'adopted-'), [line(1)]);
  const audit = client(t, { url: fake.url, spoolDir: dir });
  await fake.stored(3);
  await audit.close();
  assert.deepEqual(numbers(fake.events).sort(), [1, 2, 3]);
  assert.deepEqual(folders(dir), []);
});

test('of several that adopt at once, each folder goes to one', async (t) => {
  const fake = await sidecar(t);
  const dir = scratch(t);
  range(0, 40).forEach((n) => orphan(dir, orphanName(n), [line(n)]));
  const clients = range(0, 5).map(() => client(t, { url: fake.url, spoolDir: dir }));
  await fake.stored(40);
  await Promise.all(clients.map((c) => c.close()));
  const sent = fake.requests.flatMap((r) => r.lines);
  assert.equal(sent.length, 40);
  assert.deepEqual(folders(dir), []);
  assert.deepEqual(clients.map((c) => c.stats().lastError), clients.map(() => undefined));
});

test('the folder of a client that lives is left alone', async (t) => {
  const fake = await sidecar(t);
  const dir = scratch(t);
  const one = client(t, { url: nowhere, spoolDir: dir });
  await one.enqueue(order(1));
  const other = client(t, { url: fake.url, spoolDir: dir });
  await other.enqueue(order(2));
  const [name = ''] = folders(dir);
  await other.close(); // waits for its adoption
  assert.deepEqual(numbers(fake.events), [2]);
  assert.deepEqual(folders(dir), [name]);
  assert.ok(fs.existsSync(join(dir, name, nameOfSegment(1))));
  await one.close(0);
  assert.equal(folders(dir).length, 1);
  const next = client(t, { url: fake.url, spoolDir: dir });
  await fake.stored(2);
  await next.close();
  assert.deepEqual(numbers(fake.events), [2, 1]);
  assert.deepEqual(folders(dir), []);
});

test('a path that is longer than a socket address', async (t) => {
  const dir = join(scratch(t), 'd'.repeat(200));
  const one = client(t, { url: nowhere, spoolDir: dir });
  await one.enqueue(order(1));
  const [name = ''] = folders(dir);
  assert.equal(await isHeld(join(dir, name)), true);
  await one.close(0);
  assert.equal(await isHeld(join(dir, name)), false);
});

test('a folder is never seen unowned; one that never got its name is swept', async (t) => {
  const root = scratch(t);
  const owner = await Owner.make(root);
  assert.equal(await isHeld(owner.dir), true);
  await owner.release();
  const unfinished = join(root, `.new-${orphanName(1)}`);
  fs.mkdirSync(unfinished);
  await sweepUnfinished(root, assert.ifError);
  assert.equal(fs.existsSync(unfinished), true, 'it is too young');
  const server = createServer().listen(join(unfinished, 'owner.sock'));
  await new Promise((resolve) => server.once('listening', resolve));
  await sweepUnfinished(root, assert.ifError, Date.now() + 2 * 60 * 60 * 1000);
  assert.equal(fs.existsSync(unfinished), true, 'somebody listens');
  await new Promise((resolve) => server.close(resolve));
  await sweepUnfinished(root, assert.ifError, Date.now() + 2 * 60 * 60 * 1000);
  assert.equal(fs.existsSync(unfinished), false);
});

test('a full spool: waits for room, in order, and then refuses', async (t) => {
  const fake = await sidecar(t);
  fake.rule = () => ({ status: 503 });
  const size = Buffer.byteLength(line(10));
  const audit = client(t, { url: fake.url, spoolMaxBytes: 3 * size, enqueueTimeoutMs: 100 });
  await Promise.all(range(0, 3).map((n) => audit.enqueue(order(n))));
  const refused = await audit.enqueue(order(99)).then(assert.fail, (e: unknown) => e);
  assert.ok(refused instanceof AuditSpoolFull);
  assert.deepEqual(numbers(refused.events), [99]);
  assert.equal(audit.stats().spoolEvents, 3);

  const patient = client(t, { url: fake.url, spoolMaxBytes: 3 * size, enqueueTimeoutMs: 60_000 });
  const all = range(10, 30).map((n) => patient.enqueue(order(n)));
  await Promise.all(all.slice(0, 3));
  fake.rule = undefined;
  await Promise.all(all);
  await patient.flush(60_000);
  assert.deepEqual(numbers(fake.events).filter((n) => n >= 10), range(10, 30));
});

test('a closed client takes nothing, and refuses what waits', async (t) => {
  const fake = await sidecar(t);
  fake.rule = () => ({ status: 503 });
  const audit = client(t, { url: fake.url, spoolMaxBytes: 1 });
  await audit.enqueue(order(0));
  const waits = audit.enqueue(order(1)).then(assert.fail, (e: unknown) => e);
  await audit.close(0);
  assert.ok((await waits) instanceof AuditClosed);
  await assert.rejects(audit.enqueue(order(2)), AuditClosed);
  await assert.rejects(audit.record(order(2)), AuditClosed);
  await audit.close();
});

test('flush that takes too long loses nothing', async (t) => {
  const fake = await sidecar(t);
  fake.rule = () => ({ stall: true });
  const dir = scratch(t);
  const audit = client(t, { url: fake.url, spoolDir: dir });
  await audit.enqueue(order(0));
  await assert.rejects(audit.flush(50), AuditUnavailable);
  await audit.close(50); // ends the request that stalls
  fake.rule = undefined;
  const next = client(t, { url: fake.url, spoolDir: dir });
  await fake.stored(1);
  await next.close();
  assert.deepEqual(folders(dir), []);
});

test('segments end at 8 MiB and are removed once they are delivered', async (t) => {
  const fake = await sidecar(t);
  fake.rule = () => ({ status: 503 });
  const audit = client(t, { url: fake.url });
  const details = { text: 'x'.repeat(40_000) };
  for (const n of range(0, 450)) {
    await audit.enqueue(order(n, { details }));
  }
  const [name = ''] = folders(audit.dir);
  const segments = (): string[] => fs.readdirSync(join(audit.dir, name)).filter((f) => f.endsWith('.spool'));
  assert.deepEqual(segments(), [1, 2, 3].map(nameOfSegment));
  for (const segment of segments()) {
    assert.ok(fs.statSync(join(audit.dir, name, segment)).size <= 8 << 20);
  }
  fake.rule = undefined;
  await audit.flush(60_000);
  assert.deepEqual(numbers(fake.events), range(0, 450));
  assert.deepEqual(segments(), [nameOfSegment(3)]);
});

test('the cursor follows: what it says is not sent again', async (t) => {
  const fake = await sidecar(t);
  const audit = client(t, { url: fake.url });
  await audit.enqueue(order(0));
  await audit.flush();
  const [name = ''] = folders(audit.dir);
  while (!fs.existsSync(join(audit.dir, name, 'cursor'))) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  // As if the process were killed here.
  const dir = scratch(t);
  const copy = orphan(dir, orphanName(1), [fs.readFileSync(join(audit.dir, name, nameOfSegment(1)), 'utf8')], fs.readFileSync(join(audit.dir, name, 'cursor'), 'utf8'));
  const next = client(t, { url: fake.url, spoolDir: dir });
  await next.enqueue(order(1));
  await next.flush();
  await next.close();
  assert.deepEqual(fake.requests.map((r) => numbers(r.lines.map((l) => JSON.parse(l) as never))), [[0], [1]]);
  assert.equal(fs.existsSync(copy), false);
});

/** Lets a call of node:fs fail; the package calls it through the module. */
function breakOnce(t: TestContext, name: 'writeSync' | 'fdatasync', fake: (...args: never[]) => unknown): void {
  const real = fs[name];
  fs[name] = ((...args: never[]) => {
    fs[name] = real as never;
    return fake(...args);
  }) as never;
  cleanup(t, () => {
    fs[name] = real as never;
  });
}

test('a write that fails makes enqueue fail; the next event goes to a new segment', async (t) => {
  const fake = await sidecar(t);
  const audit = client(t, { url: fake.url, lingerMs: 1000 });
  await audit.enqueue(order(0));
  const { writeSync } = fs;
  breakOnce(t, 'writeSync', ((fd: number, buffer: Buffer) => writeSync(fd, buffer, 0, 30)) as never); // the disk is full
  const error = await audit.enqueue(order(1)).then(assert.fail, (e: unknown) => e);
  assert.ok(error instanceof AuditUnavailable);
  assert.match(error.message, /^enqueue order.update .*append to .*00001.spool: the disk took 30 of /);
  await audit.enqueue(order(2));
  const [name = ''] = folders(audit.dir);
  assert.ok(fs.existsSync(join(audit.dir, name, nameOfSegment(2))));
  await audit.flush();
  assert.deepEqual(numbers(fake.events), [0, 2]);
});

for (const spoolSync of ['always', 'interval'] as const) {
  test(`an fsync that fails makes enqueue fail (${spoolSync})`, async (t) => {
    const audit = client(t, { url: nowhere, spoolSync, spoolSyncIntervalMs: 1 });
    await audit.enqueue(order(0));
    breakOnce(t, 'fdatasync', ((_fd: number, done: (error: Error) => void) => done(new Error('EIO: the disk is broken'))) as never);
    if (spoolSync === 'interval') {
      await audit.enqueue(order(1)); // it promises the write, not the fsync
      while (audit.stats().lastError === undefined || !/EIO/.test(String(audit.stats().lastError?.error))) {
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
    const error = await audit.enqueue(order(2)).then(assert.fail, (e: unknown) => e);
    assert.ok(error instanceof AuditUnavailable);
    assert.match(error.message, /EIO/);
    await audit.enqueue(order(3));
    const [name = ''] = folders(audit.dir);
    const last = fs.readFileSync(join(audit.dir, name, nameOfSegment(2)), 'utf8');
    assert.match(last, /"id":"3"/);
  });
}

test('an event that is appended while an fsync fails is not on the disk either', async (t) => {
  const audit = client(t, { url: nowhere, spoolSync: 'always' });
  await audit.enqueue(order(0));
  let fail: ((error: Error) => void) | undefined;
  breakOnce(t, 'fdatasync', ((_fd: number, done: (error: Error) => void) => (fail = done)) as never);
  const first = audit.enqueue(order(1)).then(assert.fail, (e: unknown) => e);
  while (fail === undefined) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  const second = audit.enqueue(order(2)).then(assert.fail, (e: unknown) => e);
  fail(new Error('EIO: the disk is broken'));
  for (const error of await Promise.all([first, second])) {
    assert.ok(error instanceof AuditUnavailable);
    assert.equal(error.outcomeUnknown, true);
  }
  await audit.enqueue(order(3));
});

test('always: fsync comes before the promise; concurrent calls share it', async (t) => {
  const audit = client(t, { url: nowhere, spoolSync: 'always' });
  await audit.enqueue(order(0));
  const { fdatasync } = fs;
  let syncs = 0;
  fs.fdatasync = ((fd: number, done: never) => {
    syncs++;
    fdatasync(fd, done);
  }) as never;
  cleanup(t, () => {
    fs.fdatasync = fdatasync;
  });
  await audit.enqueue(order(1));
  assert.equal(syncs, 1);
  await Promise.all(range(0, 100).map((n) => audit.enqueue(order(n))));
  assert.ok(syncs >= 2 && syncs <= 3, `${syncs} syncs`);
});

test('an event that cannot be dead-lettered stays', async (t) => {
  const fake = await sidecar(t);
  const audit = client(t, { url: fake.url });
  const blocker = join(audit.dir, 'dead-letter.ndjson');
  fs.mkdirSync(blocker);
  fake.rule = ({ lines }) => (lines[0]?.includes('"id":"0"') ? { status: 400 } : undefined);
  await audit.enqueue(order(0));
  await fake.until(() => fake.requests.length > 1);
  assert.equal(audit.stats().deadLettered, 0);
  assert.equal(audit.stats().spoolEvents, 1);
  fs.rmdirSync(blocker);
  await audit.flush();
  assert.equal(deadLetters(audit.dir).length, 1);
});

test('a spool that cannot be opened: enqueue says so, record works, later calls try again', async (t) => {
  const fake = await sidecar(t);
  const dir = join(scratch(t), 'spool');
  fs.writeFileSync(dir, '');
  const audit = client(t, { url: fake.url, spoolDir: dir });
  const error = await audit.enqueue(order(0)).then(assert.fail, (e: unknown) => e);
  assert.ok(error instanceof AuditUnavailable);
  assert.match(error.message, /open spool .*EEXIST|open spool .*ENOTDIR/);
  await audit.record(order(1));
  fs.unlinkSync(dir);
  await audit.enqueue(order(2));
  await audit.flush();
  assert.deepEqual(numbers(fake.events), [1, 2]);
});

test('dead letters start on a line of their own', async (t) => {
  const fake = await sidecar(t);
  const audit = client(t, { url: fake.url });
  fs.writeFileSync(join(audit.dir, 'dead-letter.ndjson'), '{"at":"torn');
  fake.next({ status: 400 });
  await audit.enqueue(order(0));
  await audit.flush();
  const lines = fs.readFileSync(join(audit.dir, 'dead-letter.ndjson'), 'utf8').split('\n');
  assert.equal(lines[0], '{"at":"torn');
  assert.equal((JSON.parse(lines[1] ?? '') as { reason: string }).reason, 'rejected');
});
