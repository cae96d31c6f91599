// What holds for whole processes: kills, clusters, threads, the end.
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createInterface } from 'node:readline';
import { Worker } from 'node:worker_threads';

import type { FakeSidecar } from '@audit-archiver/client/testing';

import { cleanup, client, folders, numbers, range, scratch, sidecar } from './helpers.mjs';

const testFolder = fileURLToPath(new URL('../test/', import.meta.url));

/** Starts a script of this folder; it is gone after the test. */
function start(t: TestContext, script: string, fake: FakeSidecar | { url: string }, dir: string, env: Record<string, string> = {}): ChildProcess & { lines: string[] } {
  const child = spawn(process.execPath, [join(testFolder, script)], {
    env: { ...process.env, ARCHIVER_URL: fake.url, ARCHIVER_SPOOL_DIR: dir, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  cleanup(t, () => child.kill('SIGKILL'));
  const lines: string[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => lines.push(line));
  return Object.assign(child, { lines });
}

/** Resolves when a child has printed so many lines. */
async function printed(child: ChildProcess & { lines: string[] }, lines: number): Promise<void> {
  while (child.lines.length < lines) {
    assert.ok(child.stdout !== null && child.exitCode === null, 'the child has ended');
    await once(child.stdout, 'data');
  }
}

test('kill -9 under load: nothing that was accepted is lost or doubled, each process in its order', async (t) => {
  const fake = await sidecar(t);
  const dir = scratch(t);
  // Every third request fails, in another way each time.
  let request = 0;
  const faults = [{ cut: 'after_store' }, { status: 503 }, { cut: 'before_store' }] as const;
  fake.rule = () => (++request % 3 === 0 ? faults[(request / 3) % 3] : undefined);

  const accepted: string[] = [];
  for (const n of range(0, 5)) {
    const app = start(t, 'killapp.mjs', fake, dir, { KILLAPP_NAME: `app-${n}`, KILLAPP_RATE: '5000' });
    await printed(app, 200 + Math.floor(Math.random() * 300));
    app.kill('SIGKILL');
    await once(app, 'close');
    accepted.push(...app.lines);
  }
  const drain = start(t, 'killapp.mjs', fake, dir, { KILLAPP_DRAIN: '1' });
  assert.deepEqual(await once(drain, 'close'), [0, null]);
  assert.deepEqual(folders(dir), []);

  const ids = fake.events.map((e) => e.id);
  assert.deepEqual(accepted.filter((id) => !ids.includes(id)), []);
  assert.ok(ids.length <= accepted.length + 5, 'more than one in flight per kill');
  for (const n of range(0, 5)) {
    // record overtakes what is in the spool; the others keep their order.
    const own = numbers(fake.events.filter((e) => e.actor.id === `app-${n}`)).filter((i) => i % 50 !== 49);
    assert.deepEqual(own, [...own].sort((a, b) => a - b));
  }
});

test('a folder is held as long as its process, also in a cluster worker', async (t) => {
  const fake = await sidecar(t);
  const dir = scratch(t);
  const primary = start(t, 'cluster.mjs', { url: 'http://127.0.0.1:1' }, dir);
  await printed(primary, 1); // its worker has enqueued
  const one = client(t, { url: fake.url, spoolDir: dir });
  await one.close();
  assert.equal(fake.events.length, 0, 'adopted from a worker that lives');
  primary.kill('SIGUSR2'); // kills the worker; the primary lives on
  await printed(primary, 2);
  const two = client(t, { url: fake.url, spoolDir: dir });
  await fake.stored(1);
  await two.close();
  assert.deepEqual(folders(dir), []);
});

test('each worker thread has a folder of its own, which is free when it ends', async (t) => {
  const fake = await sidecar(t);
  const dir = scratch(t);
  const workers = range(0, 3).map((n) => {
    const worker = new Worker(join(testFolder, 'thread.mjs'), { workerData: { dir, n } });
    cleanup(t, () => worker.terminate());
    return worker;
  });
  await Promise.all(workers.map((worker) => once(worker, 'message')));
  assert.equal(folders(dir).length, 3);
  await Promise.all(workers.map((worker) => worker.terminate()));
  const audit = client(t, { url: fake.url, spoolDir: dir });
  await fake.stored(3);
  await audit.close();
  assert.deepEqual(numbers(fake.events).sort(), [0, 1, 2]);
});

test('an open client does not keep its process alive, and what waits is not lost', async (t) => {
  const dir = scratch(t);
  const child = start(t, 'leave.mjs', { url: 'http://127.0.0.1:1' }, dir);
  assert.deepEqual(await once(child, 'close'), [0, null]);
  const fake = await sidecar(t);
  const audit = client(t, { url: fake.url, spoolDir: dir });
  await fake.stored(1);
  await audit.close();
  assert.deepEqual(fake.events.map((e) => e.id), child.lines);
});

test('flush and close keep the process alive until they are done', async (t) => {
  const fake = await sidecar(t);
  const dir = scratch(t);
  const child = start(t, 'leave.mjs', fake, dir, { LEAVE_PROPERLY: '1' });
  assert.deepEqual(await once(child, 'close'), [0, null]);
  assert.deepEqual(fake.events.map((e) => e.id), child.lines);
  assert.deepEqual(folders(dir), []);
});
