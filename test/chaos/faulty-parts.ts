import { setTimeout as wait } from 'node:timers/promises';
import type { Parts } from '../../src/app/index.ts';
import { StoreTimeout } from '../../src/domain/errors.ts';
import type { Channel } from '../../src/ports/channel.ts';
import type { Appended } from '../../src/ports/mailbox.ts';
import type { Responder } from '../../src/ports/responder.ts';
import type { Store } from '../../src/ports/store.ts';
import { tell } from './failpoints.ts';
import type { Failpoints } from './failpoints.ts';

type Method = (...args: unknown[]) => Promise<unknown>;

/** The same object with `change` around each of its methods. */
export function around<T extends object>(target: T, change: (name: string, method: Method) => Method): T {
  const changed = new Map<string | symbol, unknown>();
  return new Proxy(target, {
    get(on, name) {
      const value: unknown = Reflect.get(on, name);
      if (typeof value !== 'function' || typeof name !== 'string') return value;
      if (!changed.has(name)) changed.set(name, change(name, value.bind(on) as Method));
      return changed.get(name);
    },
  });
}

const PORTS = ['mailbox', 'ledger', 'conversations', 'lanes'] as const;

/** A store that goes wrong at its points: `append:before` (nothing done yet), `append:after` (durable, not yet answered), ... */
function faultyStore(store: Store, points: Failpoints): Store {
  const change = (name: string, method: Method): Method => async (...args) => {
    if (name === 'renew' && points.isUnrenewed) throw new StoreTimeout('renew', 0);
    await points.pass(`${name}:before`);
    const result = await method(...args);
    const passed = await points.pass(`${name}:after`);
    return passed === 'lose_wake' ? { ...(result as Appended), wake: false } : result;
  };
  const ports = Object.fromEntries(PORTS.map((port) => [port, around<object>(store[port], change)]));
  return { ...store, ...ports, ping: () => store.ping(), close: () => store.close() } as Store;
}

/** A channel with points around what it sends and reads. */
function faultyChannel(channel: Channel, points: Failpoints): Channel {
  const { find, examine } = channel;
  return {
    ...channel,
    async send(part, signal) {
      await points.pass('send:before');
      const result = await channel.send(part, signal);
      await points.pass('send:after');
      return result;
    },
    ...(find && {
      find: async (part, signal) => {
        const found = await find(part, signal);
        await points.pass('readback:after');
        return found;
      },
    }),
    ...(examine && {
      examine: async (externalId, signal) => {
        const found = await examine(externalId, signal);
        await points.pass('examine:after');
        return found;
      },
    }),
  } satisfies Channel;
}

/** The marker of a message whose text kills whatever process looks at it. */
export const POISON = '[poison]';

function faultyResponder(responder: Responder, points: Failpoints): Responder {
  return {
    name: responder.name,
    async respond(question, signal) {
      await points.pass('respond:before');
      if (question.messages.some(({ text }) => text.includes(POISON))) {
        tell('fault kill poison 0');
        process.kill(process.pid, 'SIGKILL');
        await wait(60_000);
      }
      const answer = await responder.respond(question, signal);
      await points.pass('respond:after');
      return answer;
    },
  };
}

/** The real parts with failpoints around them. No product code knows of any. */
export function faultyParts(points: Failpoints): Required<Pick<Parts, 'store' | 'channel' | 'responder'>> {
  return {
    store: (store) => faultyStore(store, points),
    channel: (channel) => faultyChannel(channel, points),
    responder: (responder) => faultyResponder(responder, points),
  };
}
