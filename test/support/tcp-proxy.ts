import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** `pass` both ways; `deaf`: requests arrive, answers are swallowed; `dead`: nothing passes, and nobody is told (a half-open connection). */
export type ProxyMode = 'pass' | 'deaf' | 'dead';

export interface TcpProxy {
  port: number;
  mode: ProxyMode;
  /** What passes takes so much longer each way, ms. */
  delayMs: number;
  stop(): Promise<void>;
}

/** A link to a local port that can be made to fail in the ways that closing a socket does not show. */
export async function startTcpProxy(target: number): Promise<TcpProxy> {
  const sockets = new Set<Socket>();
  /** The living ends of connections whose other end went on a dead link. */
  const widowed = new Set<Socket>();
  const state: { mode: ProxyMode; delayMs: number } = { mode: 'pass', delayMs: 0 };
  const part = (gone: Socket, other: Socket): void => {
    sockets.delete(gone);
    if (state.mode === 'dead') widowed.add(other);
    else other.destroy();
  };
  const server = createServer({ allowHalfOpen: true }, (client) => {
    // On a dead link a new connection does not even come to the server.
    if (state.mode === 'dead') return void sockets.add(client.on('error', () => undefined).on('close', () => sockets.delete(client)).resume());
    const upstream = connect({ port: target, host: '127.0.0.1', allowHalfOpen: true });
    const link = (from: Socket, to: Socket, passes: (mode: ProxyMode) => boolean): void => {
      sockets.add(from);
      from.on('data', (bytes) => {
        if (!passes(state.mode)) return;
        if (state.delayMs === 0) to.write(bytes);
        else setTimeout(() => to.writable && to.write(bytes), state.delayMs);
      });
      // A goodbye is swallowed like everything else on a dead link.
      from.on('end', () => void (state.mode !== 'dead' && to.end()));
      from.on('error', () => part(from, to));
      from.on('close', () => part(from, to));
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
      if (mode === 'dead') return;
      for (const socket of widowed) socket.destroy();
      widowed.clear();
    },
    get delayMs() {
      return state.delayMs;
    },
    set delayMs(ms) {
      state.delayMs = ms;
    },
    stop,
  };
}
