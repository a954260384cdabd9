import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { InboundEvent } from '../../src/ports/channel.ts';
import { bench, nobody } from './chatwoot-bench.ts';
import {
  AGENT, BOT, NOW, assignedTo, blockedContact, bytes, change, changed, conversation, delivery, message, outgoing, rails,
} from './chatwoot-payloads.ts';
import type { Json } from './chatwoot-payloads.ts';

const { channel } = bench(nobody);
const parse = (payload: unknown) => channel.parse(delivery(bytes(rails(payload))));
const SENT_AT = Date.parse('2026-11-20T09:59:58.123Z');
const CHANGED_AT = NOW + 250;

const ignored = (name: string): InboundEvent[] => [{ kind: 'ignored', name }];
const owner = (who: 'human' | 'bot', at: number, why: string): InboundEvent => ({ kind: 'owner', conversation: '31', owner: who, at, why });

/** What matters of an incoming message's events, in one line. */
function brief(events: unknown): string {
  if (!Array.isArray(events)) return 'refused';
  return (events as InboundEvent[])
    .map((event) => {
      if (event.kind === 'message') return `message:${event.refused ?? (event.doubt ? 'doubt' : 'ok')}`;
      return event.kind === 'owner' ? `owner:${event.owner}:${event.why}` : event.kind;
    })
    .join(' ');
}

describe('a message of the contact', () => {
  it('is read from the bytes that Rails writes', () => {
    const text = 'a < b > c & d\u2028e "ñ" 🙂';
    const attachments = [
      { id: 1, message_id: 4711, file_type: 'image', account_id: 1, extension: null, data_url: 'https://chat.example.com/a.png', width: 3 },
      { id: 2, file_type: 'location', fallback_title: 'Home', coordinates_lat: 1.5 },
    ];
    expect(parse(message({ content: text, attachments }))).toEqual([
      {
        kind: 'message',
        refused: null,
        doubt: false,
        message: {
          externalId: '4711',
          conversation: '31',
          author: 'contact:77',
          text,
          attachments: [
            { type: 'image', url: 'https://chat.example.com/a.png' },
            { type: 'location', name: 'Home' },
          ],
          sentAt: SENT_AT,
          locale: 'es',
        },
      },
    ]);
  });

  it.each<[string, Json, string]>([
    ['in the bot\'s conversation', message(), 'message:ok'],
    ['from an old version, with a type on the contact', message({ sender: { id: 77, type: 'contact' } }), 'message:ok'],
    ['with attachments only', message({ content: null, attachments: [{ file_type: 'audio', data_url: 'https://x/y' }] }), 'message:ok'],
    ['with nothing in it', message({ content: null }), 'message:unsupported'],
    ['with white space only', message({ content: ' \n' }), 'message:unsupported'],
    ['about a story', message({ content: '', content_attributes: { image_type: 'story_mention' } }), 'message:unsupported'],
    ['that Chatwoot cannot show', message({ content_attributes: { is_unsupported: true } }), 'message:unsupported'],
    ['that is a call', message({ content_type: 'voice_call' }), 'message:unsupported'],
    ['from a blocked contact', message({ sender: blockedContact }), 'message:unsupported'],
    ['without a sender', message({ sender: null }), 'message:ok'],
    ['pending, with an assignee from before it was resolved', message({}, assignedTo(AGENT, 'User')), 'message:ok'],
    ['open, with a person assigned', message({}, assignedTo(AGENT, 'User', { status: 'open' })), 'owner:human:assigned message:human_owns'],
    ['open, assignee without a type', message({}, assignedTo({ id: 5 }, null, { status: 'open' })), 'owner:human:assigned message:human_owns'],
    ['open, with a bot assigned', message({}, assignedTo({ id: 9 }, 'AgentBot', { status: 'open' })), 'message:doubt'],
    ['open, with a bot by its own type', message({}, assignedTo(BOT, null, { status: 'open' })), 'message:doubt'],
    ['open, nobody there', message({}, conversation({ status: 'open' })), 'message:doubt'],
    ['open, a person once replied', message({}, conversation({ status: 'open', first_reply_created_at: '2026-11-01T00:00:00Z' })), 'message:doubt'],
    ['snoozed', message({}, conversation({ status: 'snoozed' })), 'owner:human:snoozed message:human_owns'],
    ['snoozed and unsupported', message({ content: '' }, conversation({ status: 'snoozed' })), 'owner:human:snoozed message:unsupported'],
    ['resolved', message({}, conversation({ status: 'resolved' })), 'message:doubt'],
    ['of an unknown status', message({}, conversation({ status: 'brand_new' })), 'message:doubt'],
    ['empty and open: no question, no doubt', message({ content: '' }, conversation({ status: 'open' })), 'message:unsupported'],
  ])('%s', (_, payload, expected) => {
    expect(brief(parse(payload))).toBe(expected);
  });

  it('dates the owner of the snapshot by the snapshot', () => {
    expect(parse(message({}, conversation({ status: 'snoozed' })))).toMatchObject([owner('human', CHANGED_AT, 'snoozed'), {}]);
  });

  it('takes its identity and author from the event, never from conversation.messages', () => {
    const talk = conversation({ messages: [{ id: 5, message_type: 0, content: 'older', created_at: 1, sender_type: 'Contact' }] });
    expect(parse(message({}, talk))).toMatchObject([{ message: { externalId: '4711', text: 'Where is my <order> & when?' } }]);
  });

  it('carries no NUL, no lone surrogate', () => {
    const body = bytes(`${rails(message()).slice(0, -1)},"content":"a\\u0000b\\ud800c"}`);
    expect(channel.parse(delivery(body))).toMatchObject([{ message: { text: 'ab\uFFFDc' } }]);
  });
});

describe('everybody else\'s messages', () => {
  const marked = { content_attributes: { chasqui: 'turn_1-0' } };
  const echo: InboundEvent[] = [{ kind: 'echo', key: 'turn_1-0', providerId: '4711' }];
  it.each<[string, Json, InboundEvent[]]>([
    ['our reply', outgoing({ sender: BOT, ...marked }), echo],
    ['our reply, sent with a person\'s token', outgoing(marked), echo],
    ['another bot\'s reply', outgoing({ sender: BOT }), ignored('other_bot')],
    ['a reply with a marker that is no text', outgoing({ sender: BOT, content_attributes: { chasqui: { a: 1 } } }), ignored('other_bot')],
    ['a person\'s reply', outgoing(), [owner('human', SENT_AT, 'human_reply')]],
    ['a reply from the phone\'s own app', outgoing({ sender: null, content_attributes: { external_echo: true } }), [owner('human', SENT_AT, 'human_reply')]],
    ['a private note', outgoing({ private: true }), ignored('private_note')],
    ['a private note with a marker', outgoing({ private: true, ...marked }), ignored('private_note')],
    ['an automation', outgoing({ sender: null, content_attributes: { automation_rule_id: 4 } }), ignored('automation')],
    ['an automation in a person\'s name', outgoing({ content_attributes: { automation_rule_id: 4 } }), ignored('automation')],
    ['a campaign', outgoing({ additional_attributes: { campaign_id: 2 } }), ignored('campaign')],
    ['an imported message', outgoing({ sender: null }), ignored('outgoing_without_writer')],
    ['a greeting', message({ message_type: 'template', sender: null }), ignored('template')],
    ['an activity', message({ message_type: 'activity', sender: null }), ignored('activity')],
    ['an unheard-of type', message({ message_type: 'telepathy' }), ignored('unknown_message_type')],
  ])('%s', (_, payload, expected) => {
    expect(parse(payload)).toEqual(expected);
  });
});

describe('message_updated', () => {
  const updated = (over: Json) => message({ event: 'message_updated', ...over });
  it.each<[string, Json, InboundEvent[]]>([
    ['an edit', updated({ content: 'new' }), [{ kind: 'edit', conversation: '31', externalId: '4711', text: 'new' }]],
    ['a deletion', updated({ content: 'deleted', content_attributes: { deleted: true } }), [{ kind: 'withdraw', conversation: '31', externalId: '4711' }]],
    ['without text', updated({ content: null }), ignored('message_updated')],
    ['a delivery state of ours', updated({ message_type: 'outgoing', sender: BOT, status: 'delivered' }), ignored('message_updated')],
    ['a deleted reply', updated({ message_type: 'outgoing', content_attributes: { deleted: true } }), ignored('message_updated')],
    ['an answered survey', updated({ message_type: 'template', content_type: 'input_csat' }), ignored('message_updated')],
  ])('%s', (_, payload, expected) => {
    expect(parse(payload)).toEqual(expected);
  });
});

describe('a conversation that changes', () => {
  const status = (to: string, talk: Json = conversation({ status: to })) =>
    changed('conversation_status_changed', [change('status', 'pending', to), change('updated_at', 1, 2)], talk);
  const updated = (changes: unknown, talk: Json = conversation()) => changed('conversation_updated', changes, talk);
  const bots = { meta: { sender: null, assignee: { id: 9, name: 'Bot' }, assignee_type: 'AgentBot' } };

  it.each<[string, Json, InboundEvent[]]>([
    ['opened with a person', status('open', assignedTo(AGENT, 'User', { status: 'open' })), [owner('human', CHANGED_AT, 'assigned')]],
    ['opened without a person', status('open'), ignored('opened_without_human')],
    ['opened with the bot still assigned', status('open', conversation({ status: 'open', ...bots })), ignored('opened_without_human')],
    ['back to pending', status('pending'), [owner('bot', CHANGED_AT, 'given_back')]],
    ['snoozed', status('snoozed'), [owner('human', CHANGED_AT, 'snoozed')]],
    ['resolved', status('resolved'), [owner('bot', CHANGED_AT, 'resolved')]],
    ['to an unknown status', status('brand_new'), ignored('conversation_status_changed')],
    ['without changes, by its status', changed('conversation_status_changed', null, conversation({ status: 'resolved' })), [owner('bot', CHANGED_AT, 'resolved')]],
    ['by the old name: opened', changed('conversation_opened', null, conversation({ status: 'open' })), ignored('opened_without_human')],
    ['by the old name: resolved', changed('conversation_resolved', undefined, conversation({ status: 'resolved' })), [owner('bot', CHANGED_AT, 'resolved')]],
    ['a person assigned', updated([change('assignee_id', null, 5)], assignedTo(AGENT, 'User', { status: 'open' })), [owner('human', CHANGED_AT, 'assigned')]],
    ['a person assigned, still pending', updated([change('assignee_id', null, 5)], assignedTo(AGENT, 'User')), [owner('human', CHANGED_AT, 'assigned')]],
    ['assigned and opened at once', updated([change('status', 'pending', 'open'), change('assignee_id', null, 5)]), [owner('human', CHANGED_AT, 'assigned')]],
    ['given to a bot', updated([change('assignee_agent_bot_id', null, 9)], conversation(bots)), [owner('bot', CHANGED_AT, 'assigned_to_bot')]],
    ['person out, bot in', updated([change('assignee_id', 5, null), change('status', 'open', 'pending')]), [owner('bot', CHANGED_AT, 'given_back')]],
    ['unassigned while pending', updated([change('assignee_id', 5, null)]), [owner('bot', CHANGED_AT, 'unassigned')]],
    ['unassigned while open', updated([change('assignee_id', 5, null)], conversation({ status: 'open' })), ignored('conversation_updated')],
    ['with a new label', updated([change('label_list', [], ['vip'])]), ignored('conversation_updated')],
    ['with no changes told', updated(null), ignored('conversation_updated')],
    ['with changes of a strange shape', updated([{ status: 'open' }, { assignee_id: [1, 2] }]), ignored('conversation_updated')],
  ])('%s', (_, payload, expected) => {
    expect(parse(payload)).toEqual(expected);
  });

  it('is dated by its last activity, or by its arrival, where it tells no change', () => {
    const at = (talk: Json) => parse(status('pending', talk));
    expect(at(conversation({ updated_at: null }))).toMatchObject([{ at: NOW }]);
    expect(at(conversation({ updated_at: undefined, last_activity_at: undefined }))).toMatchObject([{ at: NOW }]);
    expect(at(conversation({ updated_at: undefined, last_activity_at: 1000 }))).toMatchObject([{ at: 1_000_000 }]);
  });
});

describe('what is not for us', () => {
  const ours = bench(nobody, { inboxIds: [2, 3] }).channel;
  const elsewhere = bench(nobody, { inboxIds: [8] }).channel;

  it.each<[string, Json, string]>([
    ['another account', message({ account: { id: 2 } }), 'other_account'],
    ['the widget was opened', { event: 'webwidget_triggered', account: { id: 1 }, event_info: {} }, 'webwidget_triggered'],
    ['a contact', { event: 'contact_updated', id: 1 }, 'contact_updated'],
    ['a new conversation', changed('conversation_created', null), 'conversation_created'],
    ['typing', { event: 'conversation_typing_on', conversation: {} }, 'conversation_typing_on'],
    ['an event of tomorrow', { event: 'x'.repeat(5000) }, 'unknown_event'],
  ])('%s', (_, payload, name) => {
    expect(parse(payload)).toEqual(ignored(name));
  });

  it('other inboxes, when the bot\'s are named', () => {
    const body = (payload: Json) => delivery(bytes(rails(payload)));
    expect(brief(ours.parse(body(message())))).toBe('message:ok');
    expect(elsewhere.parse(body(message()))).toEqual(ignored('other_inbox'));
    expect(elsewhere.parse(body(changed('conversation_updated', [change('assignee_id', null, 5)])))).toEqual(ignored('other_inbox'));
  });
});

describe('what cannot be understood', () => {
  it.each<[string, unknown, string]>([
    ['a list', [], 'body'],
    ['null', null, 'body'],
    ['no event', {}, 'event'],
    ['a numeric event', { event: 1 }, 'event'],
    ['no id', message({ id: undefined }), 'id'],
    ['an id that is text', message({ id: '4711' }), 'id'],
    ['a fractional id', message({ id: 1.5 }), 'id'],
    ['a content that is a number', message({ content: 5 }), 'content'],
    ['a content that is an object', message({ content: { a: 1 } }), 'content'],
    ['no message type', message({ message_type: null }), 'message_type'],
    ['a date that is none', message({ created_at: 'yesterday' }), 'created_at'],
    ['attachments that are no list', message({ attachments: {} }), 'attachments'],
    ['an attachment with a number for its address', message({ attachments: [{ data_url: 1 }] }), 'attachments.0.data_url'],
    ['no conversation', message({ conversation: null }), 'conversation'],
    ['no status', message({}, conversation({ status: undefined })), 'conversation.status'],
    ['a conversation without an id', changed('conversation_updated', null, conversation({ id: null })), 'id'],
  ])('%s is refused with the field', (_, payload, field) => {
    expect(parse(payload)).toEqual({ status: 400, code: 'body_invalid', detail: expect.stringMatching(new RegExp(`^${field.replaceAll('.', '\\.')}: .+`)) });
  });

  it.each([['', 'nothing'], ['{"event":', 'half of it'], ['event=message_created', 'a form']])('%j is refused: %s', (text) => {
    expect(channel.parse(delivery(bytes(text)))).toMatchObject({ status: 400, code: 'body_not_json' });
  });

  it('bytes that are no UTF-8 are refused', () => {
    expect(channel.parse(delivery(new Uint8Array([0x22, 0xff, 0xfe, 0x22])))).toMatchObject({ status: 400, code: 'body_not_json' });
  });
});

describe('whatever comes', () => {
  const isAnswer = (result: unknown) => Array.isArray(result) || (result as { status: number }).status === 400;

  it('arbitrary bytes are a refusal', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (body) => {
        expect(channel.parse(delivery(body))).toMatchObject({ status: 400 });
      }),
    );
  });

  it('arbitrary JSON never throws', () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        expect(isAnswer(channel.parse(delivery(bytes(text))))).toBe(true);
      }),
    );
  });

  it('a real payload with anything anywhere never throws', () => {
    const events = ['message_created', 'message_updated', 'conversation_updated', 'conversation_status_changed'];
    const keys = [...Object.keys(message()), ...Object.keys(conversation()), '__proto__', 'constructor', 'changed_attributes'];
    const mutation = fc.record({ event: fc.constantFrom(...events), key: fc.constantFrom(...keys), value: fc.jsonValue(), deep: fc.boolean() });
    fc.assert(
      fc.property(mutation, ({ event, key, value, deep }) => {
        const payload = deep
          ? { ...message(), event, conversation: { ...conversation(), [key]: value } }
          : { ...conversation(), ...message(), event, [key]: value };
        expect(isAnswer(parse(payload))).toBe(true);
        expect(({} as Json).polluted).toBeUndefined();
      }),
      { numRuns: 500 },
    );
  });
});
