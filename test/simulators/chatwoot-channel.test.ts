import { afterEach, describe, expect, it } from 'vitest';
import { startChatwoot } from '../../simulators/chatwoot/index.ts';
import type { ChatwootSim } from '../../simulators/chatwoot/index.ts';
import { createChatwootChannel } from '../../src/channels/chatwoot/index.ts';
import { systemClock } from '../../src/domain/clock.ts';
import type { Conversation } from '../../src/domain/conversation.ts';
import type { ChannelId, OrgId } from '../../src/domain/ids.ts';
import type { Channel, InboundEvent, OutgoingPart } from '../../src/ports/channel.ts';
import type { Log } from '../../src/ports/telemetry.ts';
import { startReceiver } from './receiver.ts';
import type { Receiver } from './receiver.ts';

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

interface Setup {
  sim: ChatwootSim;
  receiver: Receiver;
  channel: Channel;
}

async function setup(): Promise<Setup> {
  const receiver = await startReceiver();
  const sim = await startChatwoot({ webhookUrl: receiver.url });
  closers.push(() => sim.close(), () => receiver.close());
  const log: Log = { debug() {}, info() {}, warn() {}, error() {}, child: () => log };
  const telemetry = { log, meter: { count() {}, observe() {}, gauge() {} } };
  const ids = { id: 'chn_sim' as ChannelId, orgId: 'org_sim' as OrgId };
  const tokens = { apiToken: sim.tokens.bot, readToken: sim.tokens.user, webhookSecret: sim.webhookSecret };
  const address = { baseUrl: sim.url, accountId: sim.accountId };
  const channel = createChatwootChannel({ ...ids, ...tokens, ...address, requestMs: 200 }, { clock: systemClock, telemetry });
  return { sim, receiver, channel };
}

/** What the channel makes of the webhooks so far, in the order they came. */
function understood({ receiver, channel }: Setup): InboundEvent[] {
  return receiver.received.flatMap(({ raw, headers }) => {
    const delivery = { body: raw, headers, pathSecret: null, receivedAt: Date.now() };
    expect(channel.verify(delivery)).toBeNull();
    const events = channel.parse(delivery);
    if (!Array.isArray(events)) throw new Error(`refused: ${events.detail}`);
    return events;
  });
}

function part(text: string): OutgoingPart {
  return { conversation: { externalId: '7' } as Conversation, key: `key of ${text}`, text };
}

const signal = AbortSignal.timeout(20_000);

describe('the Chatwoot channel against the simulator', () => {
  it('verifies and understands its webhooks', async () => {
    const all = await setup();
    const id = all.sim.contactSends(7, '¿<b>hola</b> & adiós?');
    await all.sim.settled();
    await all.channel.send(part('Hi!'), signal);
    await all.sim.settled();
    all.sim.agentReplies(7, 'I take over');
    await all.sim.settled();
    const events = understood(all);
    expect(events).toContainEqual(
      expect.objectContaining({ kind: 'message', message: expect.objectContaining({ externalId: String(id), text: '¿<b>hola</b> & adiós?' }) }),
    );
    expect(events).toContainEqual(expect.objectContaining({ kind: 'echo', key: 'key of Hi!' }));
    expect(events).toContainEqual(expect.objectContaining({ kind: 'owner', conversation: '7', owner: 'human' }));
  });

  it('finds what was accepted before the connection broke, and nothing else', async () => {
    const { sim, channel } = await setup();
    sim.contactSends(7, 'hola');
    sim.faults.rest.queue('message_create', { kind: 'accept_then_reset' }, { kind: 'reset_before' }, { kind: 'hang' });
    expect(await channel.send(part('one'), signal)).toMatchObject({ kind: 'ambiguous' });
    expect((await channel.send(part('two'), signal)).kind).not.toBe('sent');
    expect(await channel.send(part('three'), signal)).toMatchObject({ kind: 'ambiguous' });
    expect(await channel.find?.(part('one'), signal)).toBe(String(sim.ledger.botMessages[0]?.id));
    expect(await channel.find?.(part('two'), signal)).toBeNull();
    expect(await channel.find?.(part('three'), signal)).toBeNull();
  });

  it('lists and examines a conversation that fell open because nobody took its webhook', async () => {
    const { sim, receiver, channel } = await setup();
    await receiver.close();
    const id = sim.contactSends(7, 'is anybody there?');
    await sim.settled();
    expect(sim.conversation(7)?.status).toBe('open');
    const active: string[] = [];
    for await (const each of channel.active?.(Date.now() - 60_000, signal) ?? []) active.push(each);
    expect(active).toEqual(['7']);
    const caughtUp = await channel.examine?.('7', signal);
    expect(caughtUp).toMatchObject({ owner: 'bot', messages: [{ externalId: String(id), text: 'is anybody there?' }] });
  });
});
