/**
 * The plugin for Fastify.
 *
 * @packageDocumentation
 */
import type { FastifyPluginCallback, FastifyReply, FastifyRequest } from 'fastify';

import type { Audit } from './audit.js';
import { Web, type WebOptions } from './web.js';

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

  // Run around what comes next, the context holds to the end: Fastify itself carries
  // it over the reading of a body.
  app.addHook('onRequest', (request, reply, next) => {
    const context = web.contextOf(request, request.raw);
    reply.header('x-request-id', context.request_id);
    web.watch(request, reply, { req: request.raw, res: reply.raw }, context);
    audit.run(context, next);
  });
  done();
};

// As fastify-plugin does: without it the hooks would end with this plugin's own scope.
Object.assign(auditPlugin, {
  [Symbol.for('skip-override')]: true,
  [Symbol.for('fastify.display-name')]: '@audit-archiver/client',
  [Symbol.for('plugin-meta')]: { name: '@audit-archiver/client', fastify: '>=4' },
});
