import type { FastifyInstance, FastifyReply } from 'fastify';
import { z } from 'zod';
import type { HttpDeps } from './http-deps.ts';
import { described } from './request-schema.ts';

/** What Prometheus sends in `Accept`; a browser or curl does not. */
const SCRAPER = /application\/openmetrics-text|text\/plain/i;

/** Metrics: JSON for people and scripts, text for a scraper. Open, like the probes: label values name orgs, never people. */
export function metricsRoutes(app: FastifyInstance, { metrics }: HttpDeps): void {
  const sendText = async (reply: FastifyReply) => reply.header('content-type', metrics.contentType).send(await metrics.text());
  const both = described({ summary: 'Metrics: JSON, or text when Accept asks for it', auth: 'none', answers: { 200: z.looseObject({}) } });
  app.get('/metrics', both, async (request, reply) => {
    if (SCRAPER.test(request.headers.accept ?? '')) return sendText(reply);
    return reply.send(await metrics.json());
  });
  const text = described({ summary: 'Metrics in the Prometheus text format', auth: 'none', answers: { 200: 'text/plain' } });
  app.get('/metrics/prometheus', text, (_request, reply) => sendText(reply));
}
