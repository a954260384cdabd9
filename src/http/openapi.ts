import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { described } from './request-schema.ts';
import type { RouteDoc } from './request-schema.ts';
import { problemShape } from './shapes.ts';

interface Documented {
  method: string;
  url: string;
  doc: RouteDoc;
}

const STATUS_TEXT: Record<number, string> = { 200: 'OK', 202: 'Started', 503: 'Not ready' };

function jsonSchema(schema: z.ZodType): object {
  const { $schema: _dialect, ...rest } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
  return rest;
}

function parameters(shape: z.ZodObject | undefined, where: 'path' | 'query'): object[] {
  return Object.entries(shape?.shape ?? {}).map(([name, schema]) => ({
    name,
    in: where,
    required: where === 'path',
    schema: jsonSchema(schema as z.ZodType),
  }));
}

function answer(status: number, body: z.ZodType | string): object {
  const description = STATUS_TEXT[status] ?? String(status);
  if (typeof body === 'string') return { description, content: { [body]: { schema: { type: 'string' } } } };
  if (body === problemShape) return { description, content: problemContent };
  return { description, content: { 'application/json': { schema: jsonSchema(body) } } };
}

const problemContent = { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } };

function operation({ doc }: Documented): object {
  const answers = Object.entries(doc.answers).map(([status, body]) => [status, answer(Number(status), body)]);
  return {
    summary: doc.summary,
    parameters: [...parameters(doc.params, 'path'), ...parameters(doc.query, 'query')],
    ...(doc.body && { requestBody: { required: !doc.body.safeParse(undefined).success, content: { 'application/json': { schema: jsonSchema(doc.body) } } } }),
    ...(doc.auth === 'admin' && { security: [{ adminToken: [] }] }),
    responses: { ...Object.fromEntries(answers), default: { description: 'An error', content: problemContent } },
  };
}

function pathsOf(routes: Documented[]): Record<string, Record<string, object>> {
  const paths: Record<string, Record<string, object>> = {};
  for (const route of routes) {
    const path = route.url.replace(/:(\w+)/g, '{$1}');
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operation(route) };
  }
  return paths;
}

function documentOf(routes: Documented[], version: string): object {
  return {
    openapi: '3.1.0',
    info: { title: 'Chasqui', version, license: { name: 'MIT', identifier: 'MIT' } },
    paths: pathsOf(routes),
    components: {
      schemas: { Problem: jsonSchema(problemShape) },
      securitySchemes: { adminToken: { type: 'http', scheme: 'bearer', description: 'ADMIN_TOKEN' } },
    },
  };
}

/** Serves `/openapi.json`, made from the schemas of the routes that are registered after this call. */
export function openapiRoute(app: FastifyInstance, version: string): void {
  const routes: Documented[] = [];
  app.addHook('onRoute', ({ method, url, config }) => {
    const doc = config?.doc;
    if (doc && method !== 'HEAD') routes.push({ method: String(method), url, doc });
  });
  let text: string | null = null;
  app.get('/openapi.json', described({ summary: 'This description', auth: 'none', answers: { 200: z.looseObject({}) } }), (_request, reply) => {
    text ??= JSON.stringify(documentOf(routes, version));
    reply.type('application/json').send(text);
  });
}
