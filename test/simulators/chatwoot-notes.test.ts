import { afterEach, describe, expect, it } from 'vitest';
import { startChatwoot } from '../../simulators/chatwoot/index.ts';
import type { ChatwootSim } from '../../simulators/chatwoot/index.ts';
import { callRest } from './chatwoot-client.ts';
import { manualClock } from './manual-clock.ts';

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

async function start(): Promise<ChatwootSim> {
  const sim = await startChatwoot({ clock: manualClock() });
  closers.push(() => sim.close());
  return sim;
}

describe('notes', () => {
  const notes = (sim: ChatwootSim): string[] => sim.conversation(1)?.messages.flatMap(({ type, content }) => (type === 'activity' ? [content] : [])) ?? [];

  it('say who changed a status or took a conversation, in the API\'s words and the dashboard\'s', async () => {
    const sim = await start();
    sim.contactSends(1, 'hola');
    sim.assign(1, 2);
    sim.assign(1, 'bot');
    sim.resolve(1);
    sim.resolve(1);
    await callRest(sim, 'POST /1/toggle_status', { body: { status: 'open' } });
    await callRest(sim, 'POST /1/assignments', { body: { assignee_id: 1 } });
    expect(notes(sim)).toEqual([
      'Conversation was reopened by Luis Mamani',
      'Luis Mamani self-assigned this conversation',
      'Conversation was marked as pending by Ana Quispe',
      'Conversation unassigned by Ana Quispe',
      'Conversation was marked resolved by Ana Quispe',
      'Conversation was reopened by Chasqui',
      'Assigned to Ana Quispe by Chasqui',
    ]);
  });

  it('say nothing of a contact who reopens a conversation', async () => {
    const sim = await start();
    sim.contactSends(1, 'hola');
    sim.resolve(1);
    sim.contactSends(1, 'one more thing');
    expect(notes(sim)).toEqual(['Conversation was marked resolved by Ana Quispe']);
  });
});
