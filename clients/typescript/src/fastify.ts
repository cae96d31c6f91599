/**
 * The plugin for Fastify.
 *
 * @packageDocumentation
 */
import type { FastifyPluginCallback, FastifyReply, FastifyRequest } from 'fastify';

import type { Audit } from './audit.js';
import { Web, type WebContext, type WebOptions } from './web.js';

export type { WebEvent, WebOptions } from './web.js';

export interface AuditPluginOptions extends WebOptions<FastifyRequest, FastifyReply> {
  audit: Audit;
}

/**
 * Gives each request its context and its `x-request-id`. Register it on the
 * outermost instance: it is for all routes, also those of other plugins.
 */
export const auditPlugin: FastifyPluginCallback<AuditPluginOptions> = (app, options, done) => {
  const { audit } = options;
  const web = new Web(audit, options);
  const contexts = new WeakMap<FastifyRequest, WebContext>();

  app.addHook('onRequest', (request, reply, next) => {
    const context = web.contextOf(request, request.raw);
    contexts.set(request, context);
    reply.header('x-request-id', context.request_id);
    web.watch(request, reply, { req: request.raw, res: reply.raw }, context);
    audit.run(context, next);
  });

  // What comes after a body was read is called by the connection, and what comes
  // after a response was sent by the response: both outside of the request's context.
  const enter = (request: FastifyRequest, _reply: FastifyReply, next: () => void): void => {
    const context = contexts.get(request);
    if (context === undefined) {
      next();
    } else {
      audit.run(context, next);
    }
  };
  app.addHook('preValidation', enter);
  app.addHook('onResponse', enter);
  done();
};

// As fastify-plugin does: without it the hooks would end with this plugin's own scope.
Object.assign(auditPlugin, {
  [Symbol.for('skip-override')]: true,
  [Symbol.for('fastify.display-name')]: '@audit-archiver/client',
  [Symbol.for('plugin-meta')]: { name: '@audit-archiver/client', fastify: '>=4' },
});
