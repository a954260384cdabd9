import { createHash } from 'node:crypto';
import { readFile, readdir } from 'node:fs/promises';
import { extname } from 'node:path';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { PAGE_POLICY } from './page-headers.ts';

const FOLDER = new URL('../../dashboard/playground/', import.meta.url);

const TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
};

interface Asset {
  body: Buffer;
  type: string;
  etag: string;
}

async function load(name: string): Promise<Asset> {
  const body = await readFile(new URL(name, FOLDER));
  return { body, type: TYPES[extname(name)] ?? 'application/octet-stream', etag: `"${createHash('sha256').update(body).digest('base64url')}"` };
}

function send(asset: Asset, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  reply.headers({ etag: asset.etag, 'cache-control': 'no-cache', 'content-security-policy': PAGE_POLICY });
  if (request.headers['if-none-match'] === asset.etag) return reply.code(304).send();
  return reply.type(asset.type).send(asset.body);
}

/** Serves the playground's page at `/` and its files beside it: exactly those that were in the folder at the start. */
export async function playgroundPage(app: FastifyInstance): Promise<void> {
  for (const name of (await readdir(FOLDER)).filter((file) => extname(file) in TYPES)) {
    const asset = await load(name);
    app.get(name === 'index.html' ? '/' : `/playground/${name}`, (request, reply) => send(asset, request, reply));
  }
}
