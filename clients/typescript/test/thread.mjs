// A worker thread that enqueues one event and stays.
import { parentPort, workerData } from 'node:worker_threads';

import { AuditClient } from '@audit-archiver/client';

const audit = new AuditClient({ url: 'http://127.0.0.1:1', spoolDir: workerData.dir });
await audit.enqueue({ action: 'a', actor: { id: 'a', type: 'system' }, resource: { type: 'r', id: String(workerData.n) }, outcome: 'success' });
parentPort?.on('message', () => undefined);
parentPort?.postMessage('enqueued');
