// Enqueues one event, prints its id, and comes to its end.
import { AuditClient } from '@audit-archiver/client';

const audit = new AuditClient();
console.log(await audit.enqueue({ action: 'a', actor: { id: 'a', type: 'system' }, resource: { type: 'r' }, outcome: 'success' }));
if (process.env.LEAVE_PROPERLY === '1') {
  await audit.flush();
  await audit.close();
}
