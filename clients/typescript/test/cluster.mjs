// A worker of a cluster that enqueues one event; SIGUSR2 to the primary kills it.
import cluster from 'node:cluster';

import { AuditClient } from '@audit-archiver/client';

if (cluster.isPrimary) {
  const worker = cluster.fork();
  worker.on('message', () => console.log('enqueued'));
  process.once('SIGUSR2', () => worker.process.kill('SIGKILL'));
  worker.once('exit', () => {
    console.log('killed');
    setInterval(() => undefined, 1000); // stays
  });
} else {
  const audit = new AuditClient();
  await audit.enqueue({ action: 'a', actor: { id: 'a', type: 'system' }, resource: { type: 'r' }, outcome: 'success' });
  process.send?.('enqueued');
}
