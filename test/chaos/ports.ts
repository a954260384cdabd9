import { createServer } from 'node:net';

/** Ports below the range that outgoing connections are given, so that nobody takes one while its process is down. */
const PORTS = { first: 20_000, count: 10_000 };
let lastPort = Math.floor(Math.random() * PORTS.count);

/** A port that a process may have for all of its lives. */
export async function lastingPort(): Promise<number> {
  for (;;) {
    lastPort = (lastPort + 1) % PORTS.count;
    const port = PORTS.first + lastPort;
    const server = createServer();
    const isFree = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false));
      server.listen(port, '127.0.0.1', () => resolve(true));
    });
    if (!isFree) continue;
    await new Promise<void>((resolve) => server.close(() => resolve()));
    return port;
  }
}
