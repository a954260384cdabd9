import { createServer } from 'node:http';
import type { IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Received {
  headers: IncomingHttpHeaders;
  raw: Buffer;
  json: Record<string, unknown>;
}

/** A status, or no answer at all, or a reset connection. */
export type Answer = number | 'hang' | 'reset';

export interface Receiver {
  url: string;
  received: Received[];
  /** Those of one event. */
  of(event: string): Received[];
  close(): Promise<void>;
}

/** Takes webhooks. `answer` gets how many came before, and what came. */
export async function startReceiver(answer: (nth: number, received: Received) => Answer = () => 200): Promise<Receiver> {
  const received: Received[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const raw = Buffer.concat(chunks);
      const one = { headers: request.headers, raw, json: JSON.parse(raw.toString()) as Record<string, unknown> };
      const how = answer(received.length, one);
      received.push(one);
      if (how === 'hang') return;
      if (how === 'reset') return void request.socket.resetAndDestroy();
      response.writeHead(how).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/hook`,
    received,
    of: (event) => received.filter(({ json }) => json['event'] === event),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
