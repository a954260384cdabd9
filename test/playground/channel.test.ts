import { describe, expect, it } from 'vitest';
import { createPlaygroundChannel } from '../../src/channels/playground/index.ts';
import type { PlaygroundEvent } from '../../src/channels/playground/index.ts';
import type { Conversation } from '../../src/domain/conversation.ts';
import { createIds } from '../../src/domain/ids.ts';
import type { ChannelId, OrgId } from '../../src/domain/ids.ts';
import type { InboundEvent, RawDelivery } from '../../src/ports/channel.ts';
import { stillClock } from '../operate/support.ts';

function playground() {
  const clock = stillClock();
  return createPlaygroundChannel({ id: 'chn_p' as ChannelId, orgId: 'org_a' as OrgId }, { clock, newId: createIds(clock, () => 0.5) });
}

const delivery = (body: string | Uint8Array): RawDelivery => ({ body: Buffer.from(body), headers: {}, pathSecret: null, receivedAt: 77 });
const posted = (body: unknown) => playground().parse(delivery(JSON.stringify(body)));
const talk = (externalId: string) => ({ externalId }) as Conversation;
const go = new AbortController().signal;

function message(events: ReturnType<typeof posted>) {
  const [event] = events as InboundEvent[];
  if (event?.kind !== 'message') throw new Error('no message');
  return event.message;
}

describe('what the playground takes', () => {
  it('is a conversation and a text', () => {
    expect(message(posted({ conversation: 'c-1', text: ' hola ', locale: 'es-AR', id: '9' }))).toEqual({
      externalId: 'c-1/9',
      conversation: 'c-1',
      author: 'visitor',
      text: 'hola',
      attachments: [],
      sentAt: 77,
      locale: 'es',
    });
  });

  it('is the same message under the same id, in its own conversation only, and a new one without', () => {
    const name = (body: object) => message(posted({ text: 'hi', ...body })).externalId;
    expect(name({ conversation: 'a', id: '1' })).toBe(name({ conversation: 'a', id: '1' }));
    expect(name({ conversation: 'a', id: '1' })).not.toBe(name({ conversation: 'b', id: '1' }));
    const channel = playground();
    const body = delivery('{"conversation":"a","text":"hi"}');
    expect(message(channel.parse(body)).externalId).not.toBe(message(channel.parse(body)).externalId);
  });

  it.each([
    [{ text: 'hi' }, 'conversation'],
    [{ conversation: 7, text: 'hi' }, 'conversation'],
    [{ conversation: 'a b', text: 'hi' }, 'conversation'],
    [{ conversation: 'x'.repeat(65), text: 'hi' }, 'conversation'],
    [{ conversation: 'a' }, 'text'],
    [{ conversation: 'a', text: ['hi'] }, 'text'],
    [{ conversation: 'a', text: '  ' }, 'text'],
    [{ conversation: 'a', text: '\u0000' }, 'text'],
    [{ conversation: 'a', text: 'x'.repeat(4001) }, 'text'],
    [{ conversation: 'a', text: 'hi', locale: 5 }, 'locale'],
    [{ conversation: 'a', text: 'hi', locale: 'spanish!' }, 'locale'],
    [{ conversation: 'a', text: 'hi', extra: 1 }, 'body'],
    ['hi', 'body'],
    [null, 'body'],
    [[], 'body'],
  ])('is not %j, and the refusal names %s', (body, field) => {
    expect(posted(body)).toMatchObject({ status: 400, code: 'body_invalid', detail: expect.stringMatching(new RegExp(`^${field}: `)) as string });
  });

  it.each(['', '{', 'hi', '{"text": "a}', Uint8Array.of(0x22, 0xff, 0x22)])('is not %j: that is no JSON', (body) => {
    expect(playground().parse(delivery(body))).toMatchObject({ status: 400, code: 'body_not_json' });
  });

  it('is text that every store can carry', () => {
    expect(message(posted({ conversation: 'a', text: 'a\u0000b\ud800c' })).text).toBe('ab\ufffdc');
  });
});

describe('what the playground shows', () => {
  it('is each part once, however often it is sent', async () => {
    const { send, hub } = playground();
    const heard: PlaygroundEvent[] = [];
    hub.subscribe('c-1', (event) => heard.push(event));
    const part = { conversation: talk('c-1'), key: 'turn_1-0', text: 'hello' };
    expect(await send(part, go)).toEqual({ kind: 'sent', providerId: 'turn_1-0' });
    expect(await send(part, go)).toEqual({ kind: 'sent', providerId: 'turn_1-0' });
    expect(heard).toEqual([{ type: 'message', key: 'turn_1-0', text: 'hello', at: 1_000_000 }]);
    expect(hub.transcript('c-1')).toEqual(heard);
  });

  it('stays in its conversation, and ends with the subscription', async () => {
    const { send, typing, hub } = playground();
    const heard: PlaygroundEvent[] = [];
    const leave = hub.subscribe('c-1', (event) => heard.push(event));
    await send({ conversation: talk('c-2'), key: 'k', text: 'secret' }, go);
    await typing?.(talk('c-1'), true, go);
    leave();
    await typing?.(talk('c-1'), false, go);
    expect(heard).toEqual([{ type: 'typing', on: true }]);
    expect(hub.transcript('c-1')).toEqual([]);
  });

  it('is not what was aborted', async () => {
    const { send, hub } = playground();
    expect(await send({ conversation: talk('c-1'), key: 'k', text: 'late' }, AbortSignal.abort())).toMatchObject({ kind: 'refused_for_now' });
    expect(hub.transcript('c-1')).toEqual([]);
  });

  it('is bounded: 200 entries, 500 conversations, the oldest go', async () => {
    const { send, hub } = playground();
    for (let n = 0; n < 205; n++) await send({ conversation: talk('c-1'), key: `k${n}`, text: String(n) }, go);
    expect(hub.transcript('c-1').map(({ text }) => text).slice(0, 1)).toEqual(['5']);
    expect(hub.transcript('c-1')).toHaveLength(200);
    for (let n = 0; n < 500; n++) await send({ conversation: talk(`d-${n}`), key: 'k', text: 'x' }, go);
    expect(hub.transcript('c-1')).toEqual([]);
    expect(hub.transcript('d-0')).toHaveLength(1);
  });

  it('is no empty part', () => {
    expect(playground().split(' \n ')).toEqual([]);
    expect(playground().split('a\n\nb')).toEqual(['a\n\nb']);
  });
});
