// A small order service with an audit trail. examples/README.md says what it does.
import { once } from 'node:events';

import { AuditClient, AuditUnavailable } from '@audit-archiver/client';
import { auditMiddleware } from '@audit-archiver/client/express';
import express from 'express';

const audit = new AuditClient(); // ARCHIVER_URL, ARCHIVER_SPOOL_DIR
const orders = new Map([
  ['order-456', { total: 100 }],
  ['order-457', { total: 20 }],
]);

const app = express();
app.use(
  auditMiddleware(audit, {
    // Asked when an event is made; until then authenticate has run.
    actor: (request) => (request.user === undefined ? undefined : { id: request.user, type: 'user' }),
  }),
);
app.use(express.json());

app.post('/login', async (request, response) => {
  const { user = '', password } = request.body ?? {};
  const event = { action: 'user.login', actor: { id: user, type: 'user' }, resource: { type: 'session' } };
  if (password !== 'correct') {
    await audit.record({ ...event, outcome: 'failure', reason: 'wrong password' });
    response.status(401).json({ error: 'wrong user or password' });
    return;
  }
  // No session without its event.
  await audit.record({ ...event, outcome: 'success' });
  response.json({ user });
});

/** Stands for the session that a real service looks up. */
function authenticate(request, response, next) {
  request.user = request.get('x-user');
  if (request.user === undefined || request.user === '') {
    response.status(401).json({ error: 'who are you?' });
    return;
  }
  next();
}

/** Finds the order, or answers 404. */
function find(request, response, next) {
  request.order = orders.get(request.params.id);
  if (request.order === undefined) {
    response.status(404).json({ error: 'no such order' });
    return;
  }
  next();
}

app.use('/orders', authenticate);

app.get('/orders/export', async (request, response) => {
  // Everything leaves the house here: not without its event.
  await audit.record({ action: 'order.export', resource: { type: 'order' }, outcome: 'success', details: { orders: orders.size } });
  const lines = [...orders].map(([id, { total }]) => `${id},${total}\n`);
  response.type('text/csv').send(`id,total\n${lines.join('')}`);
});

app.get('/orders/:id', find, async (request, response) => {
  // A read need not wait for the archiver: the spool has it.
  await audit.enqueue({ action: 'order.read', resource: { type: 'order', id: request.params.id }, outcome: 'success' });
  response.json({ id: request.params.id, ...request.order });
});

app.put('/orders/:id', find, async (request, response) => {
  const { total } = request.body ?? {};
  if (typeof total !== 'number') {
    response.status(400).json({ error: 'total must be a number' });
    return;
  }
  const before = request.order;
  const after = { total };
  await audit.logDataChange(request.user, 'order', request.params.id, 'update', { before, after });
  orders.set(request.params.id, after);
  response.json({ id: request.params.id, ...after });
});

app.use((error, request, response, next) => {
  if (response.headersSent) {
    next(error);
    return;
  }
  if (error instanceof AuditUnavailable) {
    response.status(503).set('retry-after', '1').json({ error: 'the action was not performed; try again' });
    return;
  }
  const status = error.status ?? 500;
  response.status(status).json({ error: status < 500 ? error.message : 'internal error' });
});

const server = app.listen(Number(process.env.PORT ?? 8080), '127.0.0.1');
await once(server, 'listening');
console.log(`listening on http://127.0.0.1:${server.address().port}`);

process.once('SIGTERM', async () => {
  server.close();
  server.closeIdleConnections();
  await once(server, 'close');
  await audit.close();
});
