import { afterEach, describe, expect, it } from 'vitest';
import { createChatwootChannel } from '../../src/channels/chatwoot/index.ts';
import type { ChatwootOptions } from '../../src/channels/chatwoot/index.ts';
import { systemClock } from '../../src/domain/clock.ts';
import { createIds } from '../../src/domain/ids.ts';
import type { ChannelId, OrgId } from '../../src/domain/ids.ts';
import type { Channel, InboundEvent } from '../../src/ports/channel.ts';
import type { RestFault } from '../../simulators/chatwoot/faults.ts';
import { startChatwoot } from '../../simulators/chatwoot/index.ts';
import type { ChatwootOptions as SimOptions, ChatwootSim } from '../../simulators/chatwoot/index.ts';
import { startReceiver } from '../simulators/receiver.ts';
import type { Answer } from '../simulators/receiver.ts';
import { until } from '../simulators/until.ts';
import { never, recorder, talk } from './chatwoot-bench.ts';

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

interface Scene {
  sim: ChatwootSim;
  channel: Channel;
  /** What the deliveries so far meant, without those changes of a conversation that mean nothing. */
  events: InboundEvent[];
}

async function scene(how: { options?: Partial<ChatwootOptions>; sim?: SimOptions; answer?: () => Answer } = {}): Promise<Scene> {
  const sim = await startChatwoot({ ...how.sim, webhook: { retryDelayMs: 1, workers: 1 } });
  closers.push(() => sim.close());
  const channel = createChatwootChannel(
    {
      id: 'chn_cw' as ChannelId,
      orgId: 'org_a' as OrgId,
      baseUrl: sim.url,
      accountId: sim.accountId,
      apiToken: sim.tokens.bot,
      readToken: sim.tokens.user,
      webhookSecret: sim.webhookSecret,
      ...how.options,
    },
    { clock: systemClock, telemetry: recorder() },
  );
  const events: InboundEvent[] = [];
  const receiver = await startReceiver((_, { raw, headers }) => {
    if (how.answer) return how.answer();
    const delivery = { body: new Uint8Array(raw), headers, pathSecret: null, receivedAt: Date.now() };
    const parsed = channel.verify(delivery) ?? channel.parse(delivery);
    if (!Array.isArray(parsed)) return parsed.status;
    events.push(...parsed.filter((event) => event.kind !== 'ignored' || event.name !== 'conversation_updated'));
    return 200;
  });
  closers.push(() => receiver.close());
  sim.setWebhookUrl(receiver.url);
  return { sim, channel, events };
}

const part = (key: string, text = 'A <b>reply</b> & more') => ({ conversation: { ...talk, externalId: '7' }, key, text });

const meaning = ({ events }: Scene): string[] =>
  events.map((event) => {
    if (event.kind === 'owner') return `${event.owner}:${event.why}`;
    return event.kind === 'ignored' ? event.name : event.kind;
  });


describe('the simulated Chatwoot\'s webhooks', () => {
  it('are verified and understood', async () => {
    const it = await scene();
    const id = it.sim.contactSends(7, 'What is <this> & that?');
    await it.sim.settled();
    expect(it.events).toMatchObject([
      { kind: 'message', refused: null, doubt: false, message: { externalId: String(id), conversation: '7', text: 'What is <this> & that?' } },
    ]);
    it.events.length = 0;
    const sent = await it.channel.send(part('turn_1-0'), never());
    await it.sim.settled();
    expect(it.events).toEqual([{ kind: 'echo', key: 'turn_1-0', providerId: sent.kind === 'sent' ? sent.providerId : 'not sent' }]);
  });

  it('tell of people', async () => {
    const it = await scene();
    it.sim.contactSends(7, 'hi');
    it.sim.agentNote(7, 'a note');
    it.sim.agentReplies(7, 'I am Luis');
    await it.sim.settled();
    expect(meaning(it)).toEqual(['message', 'private_note', 'human:human_reply']);
    it.events.length = 0;
    it.sim.assign(7, 1);
    await it.sim.settled();
    expect(new Set(meaning(it))).toEqual(new Set(['human:assigned']));
    it.events.length = 0;
    it.sim.contactSends(7, 'and now?');
    await it.sim.settled();
    expect(meaning(it)).toEqual(['human:assigned', 'message']);
    it.events.length = 0;
    it.sim.assign(7, 'bot');
    await it.sim.settled();
    expect(meaning(it)).toContain('bot:given_back');
    expect(meaning(it).filter((name) => name.startsWith('human'))).toEqual([]);
  });

  it('tell of edits and deletions', async () => {
    const it = await scene();
    const id = it.sim.contactSends(7, 'helo');
    it.sim.editMessage(id, 'hello');
    it.sim.deleteMessage(id);
    await it.sim.settled();
    expect(it.events).toMatchObject([{ kind: 'message' }, { kind: 'edit', text: 'hello' }, { kind: 'withdraw', externalId: String(id) }]);
  });
});

describe('an ambiguous send', () => {
  it.each<[RestFault, number]>([
    [{ kind: 'accept_then_reset' }, 1],
    [{ kind: 'accept_then_500' }, 1],
    [{ kind: 'reset_before' }, 0],
    [{ kind: 'hang' }, 0],
    [{ kind: 'late_land', ms: 5 }, 1],
  ])('after %j is found or not, as it is shown', async (fault, shown) => {
    const { sim, channel } = await scene({ options: { requestMs: 200 } });
    sim.contactSends(7, 'hi');
    expect(await channel.send(part('turn_0-0'), never())).toMatchObject({ kind: 'sent' });
    sim.faults.rest.queue('message_create', fault);
    expect(await channel.send(part('turn_1-0'), never())).toMatchObject({ kind: 'ambiguous' });
    await until(() => sim.ledger.botMessages.length === 1 + shown);
    sim.contactSends(7, 'are you there?');
    const found = await channel.find?.(part('turn_1-0'), never());
    expect(found).toBe(shown ? String(sim.ledger.botMessages[1]?.id) : null);
  });

  it('cannot be told with a bot\'s token once the contact has written again', async () => {
    const { sim, channel } = await scene({ options: { readToken: null } });
    sim.contactSends(7, 'hi');
    await channel.send(part('turn_1-0'), never());
    expect(await channel.find?.(part('turn_1-0'), never())).toBe(String(sim.ledger.botMessages[0]?.id));
    sim.contactSends(7, 'are you there?');
    await expect(channel.find?.(part('turn_1-0'), never())).rejects.toMatchObject({ code: 'channel_auth' });
  });

  it('is none where the simulator refuses', async () => {
    const { sim, channel } = await scene();
    sim.contactSends(7, 'hi');
    sim.faults.rest.queue('message_create', { kind: 'rate_limited', retryAfterS: 7 }, { kind: 'rate_limited' }, { kind: 'status', status: 404 });
    expect(await channel.send(part('a-0'), never())).toMatchObject({ kind: 'refused_for_now', retryAfterMs: 7000 });
    expect(await channel.send(part('a-0'), never())).toEqual({ kind: 'refused_for_now', isLimited: true, error: 'Chatwoot answered 429' });
    expect(await channel.send(part('a-0'), never())).toMatchObject({ kind: 'failed', reason: 'send_failed' });
    expect(sim.ledger.botMessages).toEqual([]);
  });
});

describe('catch-up', () => {
  const started = Date.now() - 60_000;
  const all = async (channel: Channel) => {
    const ids: string[] = [];
    for await (const id of channel.active?.(started, never()) ?? []) ids.push(id);
    return ids;
  };

  it('finds what was written while the bot was down, and takes the conversation back', async () => {
    const { sim, channel } = await scene({ answer: () => 503 });
    const ids = [sim.contactSends(7, 'one'), sim.contactSends(7, 'two')];
    await sim.settled();
    expect(sim.conversation(7)?.status).toBe('open');
    expect(await all(channel)).toEqual(['7']);
    const caught = await channel.examine?.('7', never());
    expect(caught).toMatchObject({ owner: 'bot', messages: ids.map((id) => ({ externalId: String(id) })) });
    expect(sim.conversation(7)?.status).toBe('pending');
    expect(sim.ledger.statuses.at(-1)).toMatchObject({ from: 'open', to: 'pending', why: 'api_bot' });
  });

  it('leaves it to people, when told so', async () => {
    const { sim, channel } = await scene({ answer: () => 503, options: { onOpen: 'handoff' } });
    sim.contactSends(7, 'one');
    await sim.settled();
    expect(await channel.examine?.('7', never())).toMatchObject({ owner: 'human' });
    expect(sim.conversation(7)?.status).toBe('open');
  });

  it('sees that a person took over while the bot was down, and that the conversation came back', async () => {
    const { sim, channel } = await scene({ answer: () => 503 });
    sim.contactSends(7, 'one');
    sim.agentReplies(7, 'this is Luis');
    const after = sim.contactSends(7, 'thanks');
    await sim.settled();
    expect(await channel.examine?.('7', never())).toMatchObject({ owner: 'human', messages: [{ externalId: String(after) }] });
    expect(sim.conversation(7)?.status).toBe('open');
    sim.resolve(7);
    const again = sim.contactSends(7, 'one more thing');
    expect(sim.conversation(7)?.status).toBe('pending');
    expect(await channel.examine?.('7', never())).toMatchObject({ owner: 'bot', messages: [{ externalId: String(after) }, { externalId: String(again) }] });
  });

  it('leaves a conversation to the person who answers while a part of ours is under way', async () => {
    const { sim, channel } = await scene({ options: { requestMs: 100 } });
    sim.contactSends(7, 'one');
    const turn = createIds(systemClock, Math.random)('turn');
    sim.faults.rest.queue('message_create', { kind: 'late_land', ms: 5 });
    const sending = channel.send(part(`${turn}-0`), never());
    sim.agentReplies(7, 'this is Luis');
    await sending;
    await until(() => sim.conversation(7)?.messages.length === 3);
    expect(await channel.examine?.('7', never())).toMatchObject({ owner: 'human' });
    sim.resolve(7);
    const before = Date.now();
    sim.contactSends(7, 'one more thing');
    const caught = await channel.examine?.('7', never());
    expect(caught?.owner).toBe('bot');
    expect(caught?.ownerAt).toBeLessThanOrEqual(before);
    expect(caught?.ownerAt).toBeGreaterThan(before - 2000);
  });

  it('takes no conversation from the person it is assigned to', async () => {
    const { sim, channel } = await scene();
    sim.contactSends(7, 'one');
    sim.assign(7, 1);
    expect(await channel.examine?.('7', never())).toMatchObject({ owner: 'human' });
    sim.setStatus(7, 'pending', 1);
    expect(sim.conversation(7)).toMatchObject({ status: 'pending', assignee: 1 });
    expect(await channel.examine?.('7', never())).toMatchObject({ owner: 'bot' });
  });

  it('finds a message that a later reply hides', async () => {
    const { sim, channel } = await scene();
    const ids = [sim.contactSends(7, 'one'), sim.contactSends(7, 'two')];
    await channel.send(part('turn_1-0'), never());
    expect(await channel.examine?.('7', never())).toMatchObject({ owner: 'bot', messages: ids.map((id) => ({ externalId: String(id) })) });
  });

  it('is limited to the newest message with a bot\'s token, and impossible on an old installation', async () => {
    const current = await scene({ options: { readToken: null } });
    const id = current.sim.contactSends(7, 'one');
    expect(await current.channel.examine?.('7', never())).toMatchObject({ owner: 'bot', messages: [{ externalId: String(id) }] });
    await expect(all(current.channel)).rejects.toMatchObject({ code: 'channel_auth' });
    const old = await scene({ options: { readToken: null }, sim: { botAccess: 'before_show' } });
    old.sim.contactSends(7, 'one');
    await expect(old.channel.examine?.('7', never())).rejects.toMatchObject({ code: 'channel_auth' });
  });
});
