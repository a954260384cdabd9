import type { FastifyInstance } from 'fastify';
import type { z } from 'zod';
import type { HttpDeps } from './http-deps.ts';
import { ProblemError } from './problem.ts';
import { described } from './request-schema.ts';
import * as shapes from './shapes.ts';

type ById = { Params: { id: string } };

/** Messages and their journeys. Behind the admin guard. */
export function v1Routes(app: FastifyInstance, { operate }: HttpDeps): void {
  app.get<ById>(
    '/v1/messages/:id',
    described({ summary: 'What became of a message, and why', auth: 'admin', params: shapes.idParams, answers: { 200: shapes.journey } }),
    async ({ params }) => {
      const journey = await operate.journey(params.id);
      if (!journey) throw new ProblemError('message_unknown', `No message has the id ${params.id}, or it is older than the retention.`);
      return { ok: true, ...journey };
    },
  );
  app.get<ById & { Querystring: z.infer<typeof shapes.messagesQuery> }>(
    '/v1/conversations/:id/messages',
    described({
      summary: 'Messages of a conversation, newest first',
      auth: 'admin',
      params: shapes.idParams,
      query: shapes.messagesQuery,
      answers: { 200: shapes.messages },
    }),
    async ({ params, query }) => {
      const messages = await operate.messages(params.id, query.limit);
      return { ok: true, count: messages.length, messages };
    },
  );
}
