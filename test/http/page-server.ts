import { createPlaygroundChannel } from '../../src/channels/playground/index.ts';
import { systemClock, systemRandom } from '../../src/domain/clock.ts';
import type { Conversation } from '../../src/domain/conversation.ts';
import { createIds } from '../../src/domain/ids.ts';
import type { ChannelId, OrgId } from '../../src/domain/ids.ts';
import type { InboundEvent } from '../../src/ports/channel.ts';
import type { Intake } from '../../src/ports/intake.ts';
import type { MessageRecord } from '../../src/ports/reports.ts';
import { record } from '../operate/fake-store.ts';
import { serve } from './support.ts';

type Inbound = Extract<InboundEvent, { kind: 'message' }>['message'];

/**
 * The page over the real HTTP room and the real playground channel, with a stand-in for store and worker: the answer
 * waits for `work`, and then becomes what it says.
 */
export async function servePage(work: (text: string) => Promise<{ reply: string; record: Partial<MessageRecord> }>) {
  const newId = createIds(systemClock, systemRandom);
  const channel = createPlaygroundChannel({ id: 'chn_play' as ChannelId, orgId: 'org_a' as OrgId }, { clock: systemClock, newId });
  const records: MessageRecord[] = [];
  const go = new AbortController().signal;

  async function answer(inbound: Inbound, at: number): Promise<void> {
    const conversation = { externalId: inbound.conversation } as Conversation;
    await channel.typing?.(conversation, true, go);
    const done = await work(inbound.text);
    const stored = records[at];
    if (stored) records[at] = { ...stored, ...done.record };
    if (done.reply) await channel.send({ conversation, key: newId('turn'), text: done.reply }, go);
  }

  const receive: Intake['receive'] = async (_channel, delivery) => {
    const events = channel.parse(delivery);
    if (!Array.isArray(events)) return events;
    const [event] = events;
    if (event?.kind !== 'message') throw new Error('no message');
    const id = newId('msg');
    const open = { job: null, attempts: [], turn: null, sends: [], ending: null, endingReason: null, endedAt: null };
    records.push(record({ ...open, id, channelId: channel.id, receivedAt: delivery.receivedAt, verifiedAt: delivery.receivedAt, acceptedAt: delivery.receivedAt + 3 }));
    void answer(event.message, records.length - 1);
    return { messageIds: [id], duplicates: 0 };
  };

  const served = await serve({
    channels: [channel],
    operate: { records },
    deps: { clock: systemClock, playground: channel.hub, intake: { receive, accept: async () => ({ messageIds: [], duplicates: 0 }) } },
  });
  return { ...served, address: await served.http.listen() };
}
