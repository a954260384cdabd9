import type { FastifyInstance } from 'fastify';
import type { HttpDeps } from './http-deps.ts';
import { described } from './request-schema.ts';
import * as shapes from './shapes.ts';

/** For KEDA's scaler "metrics-api" (https://keda.sh/docs/latest/scalers/metrics-api/). Behind the admin guard. */
export function scalingRoute(app: FastifyInstance, { operate }: HttpDeps): void {
  const doc = described({ summary: 'How many workers there should be, and why; the same from every process', auth: 'admin', answers: { 200: shapes.scaling } });
  app.get('/v1/scaling', doc, async () => ({ ok: true, ...(await operate.scaling()) }));
}
