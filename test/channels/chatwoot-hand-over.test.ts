import { describe, expect, it } from 'vitest';
import type { Conversation } from '../../src/domain/conversation.ts';
import { bench, json, never } from './chatwoot-bench.ts';
import { activity, chatwoot, contact, rest, shown } from './chatwoot-rest.ts';

const CONVERSATION = { externalId: '31' } as Conversation;
const left = (id: number) => rest(id, { message_type: 1, private: true, content_attributes: { chasqui_handed_over: true }, sender: { id: 9, type: 'agent_bot' } });

async function handedOver(status: number) {
  const { channel, sent } = bench(() => json({ id: 1 }, status));
  const outcome = await channel.handOver?.(CONVERSATION, 'why', never()).then(
    () => 'done',
    (error: { code: string }) => error.code,
  );
  return { outcome, sent: sent.map(({ url, body }) => ({ path: url.pathname.split('/conversations')[1], body })) };
}

describe('leaving a conversation to people', () => {
  it('notes why, for people only, and opens it', async () => {
    const { outcome, sent } = await handedOver(200);
    expect(outcome).toBe('done');
    expect(sent).toEqual([
      { path: '/31/messages', body: { content: 'why', message_type: 'outgoing', private: true, content_attributes: { chasqui_handed_over: true } } },
      { path: '/31/toggle_status', body: { status: 'open' } },
    ]);
  });

  it.each([
    [401, 'channel_auth'],
    [404, 'channel_not_found'],
    [503, 'channel_unclear'],
  ])('does not open it when the note gets %i', async (status, code) => {
    const { outcome, sent } = await handedOver(status);
    expect(outcome).toBe(code);
    expect(sent).toHaveLength(1);
  });

  it('is not undone by catch-up, until it is given back', async () => {
    const look = async (messages: object[]) => {
      const { channel, sent } = bench(chatwoot(shown({ status: 'open' }), messages as never));
      const caught = await channel.examine?.('31', never());
      return { owner: caught?.owner, toggled: sent.filter(({ method }) => method === 'POST').length };
    };
    expect(await look([contact(1), left(2), contact(3)])).toEqual({ owner: 'human', toggled: 0 });
    const back = activity(3, 'Conversation was marked as pending by Luis');
    const fell = activity(4, 'Conversation was marked open by system due to an error with the agent bot.');
    expect((await look([contact(1), left(2), back, fell])).owner).toBe('bot');
  });
});
