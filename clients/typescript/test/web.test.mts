// The middlewares, in real applications over real connections.
import assert from 'node:assert/strict';
import { Agent, request, type IncomingMessage, type Server } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';
import { setImmediate as tick } from 'node:timers/promises';

import express from 'express';
import Fastify from 'fastify';

import type { AuditEvent } from '@audit-archiver/client';
import { auditMiddleware } from '@audit-archiver/client/express';
import { auditPlugin } from '@audit-archiver/client/fastify';
import { AuditRecorder } from '@audit-archiver/client/testing';

import { TrustedProxies } from '../dist/proxies.js';
import { cleanup, range } from './helpers.mjs';

type Options = Omit<Parameters<typeof auditMiddleware>[1] & object, 'actor' | 'event'> & { event?: boolean };

/** An order service with one route per trouble; each records under its own name. */
interface App {
  readonly url: string;
}

const change = { resource: { type: 'order' }, outcome: 'success' } as const;

/** Waits several turns of the loop, so that requests interleave. */
async function awhile(n: number): Promise<void> {
  for (let i = 0; i < n % 7; i++) {
    await tick();
  }
}

async function expressApp(t: TestContext, audit: AuditRecorder, options: Options = {}): Promise<App> {
  const app = express();
  app.use(auditMiddleware<express.Request, express.Response>(audit, { ...options, actor: (req) => userOf(req.headers['x-user'] ?? (req as { user?: string }).user) }));
  app.use(express.json());
  app.get('/late', (req, _res, next) => {
    (req as { user?: string }).user = 'late'; // authentication behind the middleware
    next();
  });
  app.use('/orders', express.Router().get('/:id', (req, res) => void res.json(req.params.id)));
  app.all(['/change', '/late'], async (req, res) => {
    await awhile(Number(req.headers['x-n'] ?? 0));
    await audit.record({ action: 'order.update', ...change, details: { n: req.headers['x-n'] } });
    await awhile(3);
    res.status(Number(req.headers['x-status'] ?? 200)).json({ body: (req.body as unknown) ?? null, context: audit.context()?.request_id });
  });
  app.get('/throw', () => {
    throw new Error('the handler failed');
  });
  app.get('/hang', () => undefined);
  app.use((_error: unknown, _req: express.Request, res: express.Response, next: express.NextFunction) => {
    if (res.headersSent) {
      return next(_error);
    }
    res.status(500).end();
  });
  const server = app.listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  return appOf(t, server, () => server.close());
}

async function fastifyApp(t: TestContext, audit: AuditRecorder, options: Options = {}): Promise<App> {
  const app = Fastify({ forceCloseConnections: true });
  await app.register(auditPlugin, { audit, ...options, actor: (req) => userOf(req.headers['x-user'] ?? (req as { user?: string }).user) });
  app.addHook('preHandler', async (req) => {
    if (req.url === '/late') {
      (req as { user?: string }).user = 'late';
    }
  });
  app.addHook('onResponse', async () => {
    seen.push(audit.context()?.request_id ?? 'lost');
  });
  app.get('/orders/:id', async (req) => (req.params as { id: string }).id);
  for (const url of ['/change', '/late']) {
    app.all(url, async (req, reply) => {
      await awhile(Number(req.headers['x-n'] ?? 0));
      await audit.record({ action: 'order.update', ...change, details: { n: req.headers['x-n'] } });
      await awhile(3);
      return reply.status(Number(req.headers['x-status'] ?? 200)).send({ body: req.body ?? null, context: audit.context()?.request_id });
    });
  }
  app.get('/throw', async () => {
    throw new Error('the handler failed');
  });
  app.get('/hang', () => new Promise(() => undefined));
  await app.listen({ port: 0, host: '127.0.0.1' });
  return appOf(t, app.server, () => app.close());
}

/** Request ids that hooks of the application saw after the response. */
const seen: string[] = [];

function appOf(t: TestContext, server: Server, stop: () => unknown): App {
  cleanup(t, () => {
    server.closeAllConnections();
    return stop();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

function userOf(id: unknown): { id: string; type: 'user' } | undefined {
  return typeof id === 'string' ? { id, type: 'user' } : undefined;
}

const agent = new Agent({ keepAlive: true, maxSockets: 50 });

function get(url: string, headers: Record<string, string> = {}, body?: object): Promise<{ status: number; headers: IncomingMessage['headers']; body: string }> {
  return new Promise((resolve, reject) => {
    const text = body === undefined ? '' : JSON.stringify(body);
    const json = body === undefined ? {} : { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(text)) };
    const r = request(url, { agent, method: body === undefined ? 'GET' : 'PUT', headers: { ...headers, ...json } }, (response) => {
      let answer = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (answer += chunk));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: answer }));
      response.on('error', reject);
    });
    r.on('error', reject);
    if (body === undefined) {
      r.end();
      return;
    }
    r.flushHeaders(); // and the body in a packet of its own, later
    setImmediate(() => setImmediate(() => r.end(text)));
  });
}

/** Waits until the recorder has so many events: the automatic ones come after the response. */
async function recorded(audit: AuditRecorder, events: number): Promise<readonly AuditEvent[]> {
  while (audit.events.length < events) {
    await tick();
  }
  return audit.events;
}

for (const [name, start] of [['Express', expressApp], ['Fastify', fastifyApp]] as const) {
  test(`${name}: thousands of interleaved requests never see each other's context`, async (t) => {
    const audit = new AuditRecorder();
    const app = await start(t, audit, { event: true });
    const answers = await Promise.all(
      range(0, 3000).map((n) => get(`${app.url}/change`, { 'x-request-id': `r-${n}`, 'x-user': `u-${n}`, 'x-n': String(n), 'user-agent': `agent-${n}` }, n % 2 === 0 ? { n } : undefined)),
    );
    answers.forEach(({ headers, body }, n) => {
      assert.equal(headers['x-request-id'], `r-${n}`);
      assert.deepEqual(JSON.parse(body), { body: n % 2 === 0 ? { n } : null, context: `r-${n}` });
    });
    const events = await recorded(audit, 6000);
    for (const e of events) {
      const n = (e.request_id ?? '').slice(2);
      assert.deepEqual([e.request_id, e.actor.id, e.user_agent, e.ip], [`r-${n}`, `u-${n}`, `agent-${n}`, '127.0.0.1']);
      assert.ok(e.action !== 'order.update' || (e.details as { n: string }).n === n);
    }
    assert.equal(new Set(audit.find({ action: 'order.update' }).map((e) => e.request_id)).size, 3000);
    assert.equal(audit.find({ action: 'http.get' }).length, 1500);
    assert.equal(audit.find({ action: 'http.put' }).length, 1500);
    if (name === 'Fastify') {
      assert.equal(seen.filter((id) => id.startsWith('r-')).length, 3000);
      assert.ok(!seen.includes('lost'));
    }
  });

  test(`${name}: request id in and out, also when the handler fails; the outcome follows the status`, async (t) => {
    const audit = new AuditRecorder();
    const app = await start(t, audit, { event: true });
    for (const [path, status, outcome, action] of [
      ['/orders/7?secret=1', 200, 'success', 'http.get'],
      ['/throw', 500, 'failure', 'http.get'],
      ['/nowhere', 404, 'failure', 'http.get'],
    ] as const) {
      audit.clear();
      const answer = await get(app.url + path, { 'x-request-id': 'mine:1' });
      assert.deepEqual([answer.status, answer.headers['x-request-id']], [status, 'mine:1']);
      await recorded(audit, 1);
      audit.expect(action, {
        outcome,
        request_id: 'mine:1',
        actor: { id: 'anonymous' },
        resource: { type: 'http', id: path.replace(/\?.*/, '') },
        details: { status },
      });
    }
    const made = await get(`${app.url}/orders/1`, { 'x-request-id': 'not one!' });
    assert.match(String(made.headers['x-request-id']), /^[0-9a-f-]{36}$/);
  });

  test(`${name}: the actor is asked when the event is made`, async (t) => {
    const audit = new AuditRecorder();
    const app = await start(t, audit);
    await get(`${app.url}/late`);
    audit.expect('order.update', { actor: { id: 'late', type: 'user' } });
  });

  test(`${name}: the client's address through trusted proxies, user agent, traceparent`, async (t) => {
    const audit = new AuditRecorder();
    const app = await start(t, audit, { trustedProxies: ['127.0.0.0/8', '10.0.0.0/8'] });
    const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
    await get(`${app.url}/change`, { 'x-user': 'u', 'x-forwarded-for': '6.6.6.6, 203.0.113.7, 10.1.2.3', traceparent, 'user-agent': 'é'.repeat(3000) });
    const event = audit.expect('order.update', { ip: '203.0.113.7', details: { traceparent } });
    assert.equal(event.user_agent, 'é'.repeat(2048));
  });

  test(`${name}: a client that hangs up is a failure`, async (t) => {
    const audit = new AuditRecorder();
    const app = await start(t, audit, { event: true });
    const socket = connect(Number(new URL(app.url).port), '127.0.0.1');
    socket.end('GET /hang HTTP/1.1\r\nhost: x\r\n\r\n', () => socket.destroy());
    await recorded(audit, 1);
    audit.expect('http.get', { outcome: 'failure', reason: 'the connection ended before the response did' });
  });
}

test('the hook makes the event, or none; what it throws is told', async (t) => {
  const audit = new AuditRecorder();
  const errors: unknown[] = [];
  const app = express();
  app.use(
    auditMiddleware<express.Request, express.Response>(audit, {
      event: (req, res) => {
        if (req.path === '/none') {
          return undefined;
        }
        if (req.path === '/bad') {
          throw new Error('the hook failed');
        }
        return { action: 'order.list', actor: { id: 'me', type: 'system' }, resource: { type: 'order' }, details: { status: res.statusCode } };
      },
      onError: (error) => errors.push(error),
    }),
  );
  app.use((_req, res) => void res.status(403).end());
  const server = app.listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { url } = appOf(t, server, () => server.close());
  await get(`${url}/none`);
  await get(`${url}/bad`);
  await get(`${url}/list`);
  await recorded(audit, 1);
  audit.expect('order.list', { outcome: 'failure', details: { status: 403 } });
  assert.equal(audit.events.length, 1);
  assert.deepEqual(errors.map(String), ['Error: the hook failed']);
});

test('blocks of addresses, however they are written', () => {
  const inside = (block: string, address: string): boolean => new TrustedProxies([block]).clientOf(address, '203.0.113.7') === '203.0.113.7';
  for (const [block, address, want] of [
    ['10.0.0.0/8', '10.255.255.255', true],
    ['10.0.0.0/8', '11.0.0.0', false],
    ['10.1.2.3/8', '10.9.9.9', true],
    ['0.0.0.0/0', '255.255.255.255', true],
    ['255.255.255.255', '255.255.255.255', true],
    ['192.0.2.128/25', '192.0.2.127', false],
    ['::/0', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', true],
    ['::/0', '192.0.2.1', false],
    ['2001:db8::/32', '2001:0DB8:0:1::', true],
    ['2001:db8::/32', '2001:db9::', false],
    ['fe80::/10', 'fe80::1%eth0', true],
    ['::1', '0:0:0:0:0:0:0:1', true],
    ['64:ff9b::/96', '64:ff9b::192.0.2.1', true],
    ['64:ff9b::c000:201', '64:ff9b::192.0.2.1', true],
    ['10.0.0.0/8', '::ffff:10.0.0.1', true],
    ['1:2:3:4:5:6:7::/112', '1:2:3:4:5:6:7:8', true],
  ] as const) {
    assert.equal(inside(block, address), want, `${address} in ${block}`);
  }
});

test('wrong proxies are refused when the middleware is made', () => {
  for (const proxy of ['10.0.0.0/33', 'localhost', '10.0.0.1/', '::1%lo', '1.2.3.4/8/9']) {
    assert.throws(() => auditMiddleware(new AuditRecorder(), { trustedProxies: [proxy] }), new RegExp(`trustedProxies: ${proxy.replaceAll('/', '.')}`));
  }
});
