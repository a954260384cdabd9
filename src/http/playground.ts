import type { FastifyInstance } from 'fastify';
import type { HttpDeps, HttpSettings, PlaygroundFeed } from './http-deps.ts';
import { playgroundPage } from './playground-page.ts';
import { playgroundStream } from './playground-stream.ts';
import { ProblemError } from './problem.ts';
import { described } from './request-schema.ts';
import * as shapes from './shapes.ts';
import { guardPlayground } from './webhooks.ts';

/**
 * The journey of a message of the playground, and of no other channel: the page has no admin token, and the ids of
 * messages cannot be guessed.
 */
function journeyRoute(app: FastifyInstance, { channels, operate }: HttpDeps): void {
  app.get<{ Params: { id: string } }>(
    '/playground/messages/:id',
    described({ summary: "A playground message's journey", auth: 'playground', params: shapes.idParams, answers: { 200: shapes.journey } }),
    async ({ params }) => {
      const journey = await operate.journey(params.id);
      const ours = channels.ofKind('playground').some((channel) => channel.id === journey?.channelId);
      if (!journey || !ours) throw new ProblemError('message_unknown', `The playground has no message with the id ${params.id}.`);
      return { ok: true, ...journey };
    },
  );
}

/** The page, its events and its journeys. */
export async function playgroundRoutes(app: FastifyInstance, deps: HttpDeps, given: { feed: PlaygroundFeed; settings: HttpSettings }): Promise<void> {
  app.addHook('onRequest', (request, _reply, done) => {
    guardPlayground(request, given.settings);
    done();
  });
  journeyRoute(app, deps);
  playgroundStream(app, given.feed, deps);
  await playgroundPage(app);
}
