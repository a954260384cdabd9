import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** `pass` both ways; `deaf`: requests arrive, answers are swallowed; `dead`: nothing passes, and nobody is told (a half-open connection). */
export type ProxyMode = 'pass' | 'deaf' | 'dead';

export interface TcpProxy {
  port: number;
  mode: ProxyMode;
  stop(): Promise<void>;
}

/** A link to a local port that can be made to fail in the ways that closing a socket does not show. */
export async function startTcpProxy(target: number): Promise<TcpProxy> {
  const sockets = new Set<Socket>();
  const state: { mode: ProxyMode } = { mode: 'pass' };
  const server = createServer({ allowHalfOpen: true }, (client) => {
    const upstream = connect({ port: target, host: '127.0.0.1', allowHalfOpen: true });
    const link = (from: Socket, to: Socket, passes: (mode: ProxyMode) => boolean): void => {
      sockets.add(from);
      from.on('data', (bytes) => void (passes(state.mode) && to.write(bytes)));
      // A goodbye is swallowed like everything else on a dead link.
      from.on('end', () => void (state.mode !== 'dead' && to.end()));
      from.on('error', () => to.destroy());
      from.on('close', () => {
        sockets.delete(from);
        to.destroy();
      });
    };
    link(client, upstream, (mode) => mode !== 'dead');
    link(upstream, client, (mode) => mode === 'pass');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const stop = async (): Promise<void> => {
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, 'close');
  };
  return {
    port: (server.address() as AddressInfo).port,
    get mode() {
      return state.mode;
    },
    set mode(mode) {
      state.mode = mode;
    },
    stop,
  };
}
