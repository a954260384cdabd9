import { Socket } from 'node:net';
import type { Clock } from '../../domain/clock.ts';

/** How long a server may take to answer our goodbye, ms. */
const GOODBYE_MS = 500;

/** The sockets of a store's connections, so that none outlives it: a half-open one never ends by itself. */
export class Sockets {
  readonly #open = new Set<Socket>();

  /** For a connection's `stream`. */
  readonly make = (): Socket => {
    const socket = new Socket();
    this.#open.add(socket);
    socket.once('close', () => this.#open.delete(socket));
    return socket;
  };

  /** Resolves when all are closed: by themselves in a moment, or by force. */
  async close(clock: Clock): Promise<void> {
    const left = [...this.#open];
    const closed = Promise.all(left.map((socket) => new Promise((resolve) => void socket.once('close', resolve))));
    const enough = new AbortController();
    const waited = clock.sleep(GOODBYE_MS, enough.signal).catch(() => undefined);
    await Promise.race([closed, waited]);
    enough.abort();
    for (const socket of left) socket.destroy();
  }
}
