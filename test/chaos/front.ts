import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';

/** Spreads connections over servers of this machine, one after the other, as a load balancer of the simplest kind does. */
export interface Front {
  readonly port: number;
  close(): Promise<void>;
}

export interface FrontOptions {
  /** Ports that may be given connections at this moment. Asked for each one. */
  ready(): number[];
}

/**
 * Starts a front. It looks at connections only: whoever connects is given the next server, and is cut off when that one refuses or dies, as if it
 * had been spoken to directly.
 */
export async function startFront({ ready }: FrontOptions): Promise<Front> {
  const sockets = new Set<Socket>();
  let turn = 0;
  const server = createServer((client) => {
    const ports = ready();
    const port = ports[turn++ % Math.max(1, ports.length)];
    if (port === undefined) return void client.resetAndDestroy();
    const upstream = connect({ port, host: '127.0.0.1' });
    for (const [from, to] of [[client, upstream], [upstream, client]] as const) {
      sockets.add(from);
      from.pipe(to);
      from.on('error', () => to.destroy());
      from.on('close', () => {
        sockets.delete(from);
        to.destroy();
      });
    }
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
