// Enqueues events as fast as KILLAPP_RATE says, and prints the id of each that was
// accepted, until it is killed. Shared with testenv/clients, where the sidecar is a
// real one.
//
//   ARCHIVER_URL, ARCHIVER_SPOOL_DIR   as for every client
//   KILLAPP_NAME                       the events' actor
//   KILLAPP_RATE                       events per second; default 2000
//   KILLAPP_DRAIN=1                    only deliver what ended processes left, then exit 0; after 60 s exit 1
import { readdirSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { AuditClient } from '@audit-archiver/client';

const { ARCHIVER_SPOOL_DIR, KILLAPP_NAME = 'killapp', KILLAPP_RATE = '2000', KILLAPP_DRAIN } = process.env;
const left = folders();
const audit = new AuditClient({ recordTimeoutMs: 60_000, enqueueTimeoutMs: 60_000 });

if (KILLAPP_DRAIN === '1') {
  process.exitCode = (await drained(Date.now() + 60_000)) ? 0 : 1;
  if (process.exitCode === 1) {
    console.error('not drained:', folders(), audit.stats().lastError);
  }
  await audit.close();
} else {
  await load(Number(KILLAPP_RATE));
}

async function load(rate) {
  const start = performance.now();
  for (let n = 0; ; n++) {
    const event = {
      action: 'order.update',
      actor: { id: KILLAPP_NAME, type: 'system' },
      resource: { type: 'order', id: String(n) },
      outcome: 'success',
      details: { pid: process.pid, n },
    };
    const id = n % 50 === 49 ? await audit.record(event) : await audit.enqueue(event);
    writeSync(1, `${id}\n`);
    const ahead = (n + 1) / rate - (performance.now() - start) / 1000;
    if (ahead > 0.005) {
      await sleep(ahead * 1000);
    }
  }
}

/** Waits until the folders that were there at the start are delivered. */
async function drained(deadline) {
  // In this order: a folder that is adopted in between is seen there.
  while (folders().some((name) => left.includes(name)) || folders().some((name) => adopted(name).length > 0)) {
    if (Date.now() > deadline) {
      return false;
    }
    await sleep(20);
  }
  return true;
}

function folders() {
  return names(ARCHIVER_SPOOL_DIR).filter((name) => name.startsWith('ts-'));
}

function adopted(folder) {
  return names(join(ARCHIVER_SPOOL_DIR, folder)).filter((name) => name.startsWith('adopted-'));
}

/** What is in a folder; nothing when another process has just moved it. */
function names(dir) {
  try {
    return readdirSync(dir);
  } catch (error) {
    if (error.code === 'ENOENT') {
      return [];
    }
    throw error;
  }
}
