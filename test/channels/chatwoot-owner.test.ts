import { describe, expect, it } from 'vitest';
import { bench, never } from './chatwoot-bench.ts';
import { AGENT, NOW } from './chatwoot-payloads.ts';
import type { Json } from './chatwoot-payloads.ts';
import { activity, ago, assigned, chatwoot, contact, human, keyAt, note, otherBot, ours, resolved, shown } from './chatwoot-rest.ts';

async function examine(talk: Json, messages: Json[], options: { onOpen?: 'handoff' } = {}) {
  const { channel, sent } = bench(chatwoot(talk, messages), options);
  const caught = await channel.examine?.('31', never());
  return { caught, toggled: sent.filter(({ method }) => method === 'POST').map(({ body }) => body), missed: caught?.messages.map(({ externalId }) => externalId) };
}

const CHANGED = NOW - 500;
const BEGAN = NOW - 9_000_000;
const startOf = (id: number) => ago(1000 - id) * 1000;
const repliedAt = (id: number) => startOf(id) + 999;
/** Nothing gave it to the bot: an owner whom a webhook told of stands. */
const UNTOLD = 0;

/** As it is in versions that leave an assigned conversation pending. */
const held = (over: Json = {}) => shown({ meta: { sender: { id: 77 }, assignee: AGENT, assignee_type: 'User' }, ...over });
const withBot = shown({ meta: { assignee: { id: 9, name: 'Bot' }, assignee_type: 'AgentBot' } });
/** A part of a turn made so long after the message of this id was written. */
const turnAfter = (id: number, seconds: number) => keyAt(1000 - id - seconds);

describe('whose a conversation is', () => {
  it.each<[string, Json, Json[], string, number, string[]]>([
    ['pending, nothing else', shown(), [contact(1), contact(2)], 'bot', UNTOLD, ['1', '2']],
    ['pending, but a person answered', shown(), [contact(1), human(2), contact(3)], 'human', repliedAt(2), ['3']],
    ['pending, answered from the phone', shown(), [contact(1), human(2, { sender: null, content_attributes: { external_echo: true } })], 'human', repliedAt(2), []],
    ['pending, only a note', shown(), [contact(1), note(2)], 'bot', UNTOLD, ['1']],
    ['pending, only an automation', shown(), [contact(1), human(2, { content_attributes: { automation_rule_id: 1 } })], 'bot', UNTOLD, ['1']],
    ['pending and the bot\'s by assignment', withBot, [contact(1)], 'bot', CHANGED, ['1']],
    ['open and assigned', assigned(AGENT), [contact(1)], 'human', CHANGED, ['1']],
    ['open and answered', shown({ status: 'open' }), [contact(1), human(2)], 'human', repliedAt(2), []],
    ['open, answered before we can see', shown({ status: 'open', first_reply_created_at: ago(90_000) }), [contact(1)], 'human', CHANGED, ['1']],
    ['snoozed', shown({ status: 'snoozed' }), [contact(1)], 'human', CHANGED, ['1']],
    ['resolved', shown({ status: 'resolved' }), [contact(1)], 'bot', CHANGED, []],
    ['resolved after a person answered', shown({ status: 'resolved' }), [contact(1), human(2), resolved(3)], 'human', startOf(2), []],
    ['resolved, unanswered since a person', shown({ status: 'resolved' }), [human(2), contact(3)], 'bot', CHANGED, []],
  ])('%s', async (...[, talk, messages, owner, ownerAt, missed]) => {
    const result = await examine(talk, messages);
    expect(result.caught).toMatchObject({ externalId: '31', owner, ownerAt });
    expect(result.missed).toEqual(missed);
    expect(result.toggled).toEqual([]);
  });

  it.each<[string, Json[], string, number]>([
    ['a part of ours that was under way lands', [human(2), ours(3, turnAfter(2, -4))], 'human', repliedAt(2)],
    ['an answer lands that our faster clock dates after the person\'s', [human(2), ours(3, turnAfter(2, 299))], 'human', repliedAt(2)],
    ['a reply of ours lands whose key tells no time', [human(2), ours(3)], 'human', repliedAt(2)],
    ['another bot speaks', [human(2), otherBot(3)], 'human', repliedAt(2)],
    ['a label is added', [human(2), activity(3)], 'human', repliedAt(2)],
    ['somebody is named like a note', [human(2), activity(3, 'Ana added Conversation was marked resolved by Luis')], 'human', repliedAt(2)],
    ['a note comes in a language that we do not read', [human(2), activity(3, 'Die Konversation wurde von Luis gelöst')], 'human', repliedAt(2)],
    ['it is resolved and reopened by name', [human(2), resolved(3), activity(4, 'Conversation was reopened by Bot')], 'human', repliedAt(2)],
    ['it is resolved, and the person answers again', [human(2), resolved(3), human(4)], 'human', repliedAt(4)],
    ['it is resolved', [human(2), resolved(3), contact(4)], 'bot', startOf(3)],
    ['it is resolved, and falls open', [human(2), resolved(3), activity(4, 'Conversation was marked open by system due to an error with the agent bot.')], 'bot', startOf(3)],
    ['it is resolved within the second', [human(2), resolved(2)].map((one, index) => ({ ...one, id: 2 + index })), 'bot', startOf(2)],
    ['the contact resolves it', [human(2), activity(3, 'Conversation was resolved by Ana')], 'bot', startOf(3)],
    ['it is made pending', [human(2), activity(3, 'Conversation was marked as pending by Luis')], 'bot', startOf(3)],
    ['it is made pending, in Spanish', [human(2), activity(3, 'La conversación fue marcada como pendiente por Luis')], 'bot', startOf(3)],
    ['it is resolved, in Spanish', [human(2), activity(3, 'La conversación fue marcada por Luis')], 'bot', startOf(3)],
    ['it is resolved, in Portuguese', [human(2), activity(3, 'Conversa foi marcada como resolvida por Luis')], 'bot', startOf(3)],
    ['a turn of ours is made and answered', [human(2), ours(400, turnAfter(2, 302))], 'bot', UNTOLD],
  ])('after a person\'s answer in a pending conversation %s', async (_, messages, owner, ownerAt) => {
    expect((await examine(shown(), messages)).caught).toMatchObject({ owner, ownerAt });
  });

  it.each<[string, Json[], string, number]>([
    ['with nothing that tells when', [contact(1)], 'human', BEGAN],
    ['after a label', [contact(1), activity(2)], 'human', BEGAN],
    ['as a note tells', [contact(1), activity(2, 'Assigned to Luis by Ana')], 'human', repliedAt(2)],
    ['by that person', [contact(1), activity(2, 'Luis self-assigned this conversation')], 'human', repliedAt(2)],
    ['as a note tells in Spanish', [contact(1), activity(2, 'Asignado a Luis por Ana')], 'human', repliedAt(2)],
    ['before it was resolved', [activity(1, 'Assigned to Luis by Ana'), human(2), resolved(3), contact(4)], 'bot', startOf(3)],
    ['before it was resolved, and to a team since', [resolved(3), activity(4, 'Assigned to Billing by Ana'), contact(5)], 'bot', startOf(3)],
    ['after it was resolved', [human(2), resolved(3), activity(4, 'Assigned to Luis by Ana'), contact(5)], 'human', repliedAt(4)],
  ])('pending and assigned to a person %s', async (_, messages, owner, ownerAt) => {
    expect((await examine(held(), messages)).caught).toMatchObject({ owner, ownerAt });
  });
});

describe('a conversation that fell open', () => {
  it.each<[string, Json, Json[]]>([
    ['with nobody there', shown({ status: 'open' }), [contact(1), activity(2)]],
    ['with a bot assigned', { ...withBot, status: 'open' }, [contact(1)]],
    ['after a person answered and resolved', shown({ status: 'open', first_reply_created_at: 5 }), [human(1), resolved(2), ours(3), contact(4)]],
    ['where the bot answered long after the person', shown({ status: 'open', first_reply_created_at: 5 }), [human(1), ours(400, turnAfter(1, 302)), contact(401)]],
    ['where the bot answered long after what we see first', shown({ status: 'open', first_reply_created_at: 5 }), [contact(1), ours(400, turnAfter(1, 302))]],
  ])('%s is taken back, or left to people', async (_, talk, messages) => {
    const back = await examine(talk, messages);
    expect(back.caught).toMatchObject({ owner: 'bot', ownerAt: CHANGED });
    expect(back.toggled).toEqual([{ status: 'pending' }]);
    const left = await examine(talk, messages, { onOpen: 'handoff' });
    expect(left.caught).toMatchObject({ owner: 'human', ownerAt: CHANGED });
    expect(left.toggled).toEqual([]);
    expect(left.missed).toEqual(back.missed);
  });

  it.each<[string, Json, Json[]]>([
    ['answered, and ours crossed it', shown({ status: 'open' }), [human(1), ours(2, turnAfter(1, -4))]],
    ['answered, and labelled', shown({ status: 'open' }), [human(1), activity(2)]],
    ['answered before we can see, and ours crossed it', shown({ status: 'open', first_reply_created_at: 5 }), [contact(1), ours(2, turnAfter(1, 1))]],
  ])('but that a person %s is left to them', async (_, talk, messages) => {
    const { caught, toggled } = await examine(talk, messages);
    expect(caught?.owner).toBe('human');
    expect(toggled).toEqual([]);
  });
});

describe('when a person took a conversation', () => {
  const within = startOf(2) + 450;

  it('is its last change, where that lies in the second of the answer: a return just after must not be hidden', async () => {
    expect((await examine(shown({ updated_at: within / 1000 }), [human(2)])).caught).toMatchObject({ owner: 'human', ownerAt: within });
    expect((await examine(shown({ updated_at: ago(999) }), [human(2)])).caught).toMatchObject({ owner: 'human', ownerAt: repliedAt(2) });
  });

  it('is the end of the second, where only seconds are told: a return just before must not hide it', async () => {
    const untold = { updated_at: undefined, last_activity_at: ago(5) };
    for (const talk of [{ ...assigned(AGENT), ...untold }, shown({ status: 'snoozed', ...untold })]) {
      expect((await examine(talk, [contact(1)])).caught).toMatchObject({ owner: 'human', ownerAt: NOW - 5000 + 999 });
    }
  });
});
