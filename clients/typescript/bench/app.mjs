// An Express application with one route that awaits 2 ms. AUDITED=1: with the
// middleware and one enqueue per request.
import { setTimeout as sleep } from 'node:timers/promises';

import { AuditClient } from '@audit-archiver/client';
import { auditMiddleware } from '@audit-archiver/client/express';
import express from 'express';

const app = express();
if (process.env.AUDITED === '1') {
  const audit = new AuditClient();
  app.use(auditMiddleware(audit, { trustedProxies: ['127.0.0.1'], actor: (req) => ({ id: req.headers['x-user'] ?? 'nobody', type: 'user' }) }));
  app.get('/orders/:id', async (req, res) => {
    await sleep(2);
    await audit.enqueue({ action: 'order.read', resource: { type: 'order', id: req.params.id }, outcome: 'success', details: { from: 'bench' } });
    res.json({ id: req.params.id });
  });
} else {
  app.get('/orders/:id', async (req, res) => {
    await sleep(2);
    res.json({ id: req.params.id });
  });
}
app.get('/cpu', (req, res) => {
  const { user, system } = process.cpuUsage();
  res.json(user + system); // microseconds
});
const server = app.listen(0, '127.0.0.1', () => console.log(server.address().port));
