import { afterEach, describe, expect, it } from 'vitest';
import { createChatwootChannel } from '../../src/channels/chatwoot/index.ts';
import { systemClock } from '../../src/domain/clock.ts';
import type { ChannelId, OrgId } from '../../src/domain/ids.ts';
import type { Channel } from '../../src/ports/channel.ts';
import type { Log } from '../../src/ports/telemetry.ts';
import type { RestFault } from '../../simulators/chatwoot/faults.ts';
import { startChatwoot } from '../../simulators/chatwoot/index.ts';
import type { ChatwootSim } from '../../simulators/chatwoot/index.ts';

const log: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {}, child: () => log };
const telemetry = { log, meter: { count: () => {}, observe: () => {}, gauge: () => {} } };

let sim: ChatwootSim;
afterEach(() => sim.close());

/** A conversation that fell open because nobody took its webhook; the first change of its status takes a moment. */
async function fallenOpen(fault: RestFault = { kind: 'delay', ms: 100 }): Promise<Channel> {
  sim = await startChatwoot({ webhookUrl: 'http://127.0.0.1:9/', limits: 'off', webhook: { attempts: 1 } });
  sim.contactSends(1, 'hello');
  await sim.settled();
  expect(sim.conversation(1)?.status).toBe('open');
  sim.faults.rest.queue('status_toggle', fault);
  const { url: baseUrl, accountId, tokens, webhookSecret } = sim;
  const ids = { id: 'chn_cw' as ChannelId, orgId: 'org_a' as OrgId };
  const access = { baseUrl, accountId, apiToken: tokens.bot, readToken: tokens.user, webhookSecret };
  return createChatwootChannel({ ...ids, ...access, requestMs: 200, landingMs: 300 }, { clock: systemClock, telemetry });
}

describe('taking a conversation back while a person takes it, found by chaos', () => {
  it.each<[string, () => void]>([
    ['answers', () => void sim.agentReplies(1, 'A person speaking.')],
    ['assigns it', () => sim.assign(1, 1)],
  ])('leaves it to the person who %s between our look and our change', async (_, acts) => {
    const channel = await fallenOpen();
    const examined = channel.examine?.('1', AbortSignal.timeout(5000));
    // The change of status has come in and waits.
    while (sim.faults.rest.counts.delay === undefined) await new Promise((resolve) => setImmediate(resolve));
    acts();
    const found = await examined;
    const given = sim.ledger.statuses.findLast(({ to, why }) => to === 'pending' && why === 'api_bot');
    expect(found?.owner).toBe('human');
    // Newer than our own change, whose webhook would otherwise give it to the bot.
    expect(found?.ownerAt).toBeGreaterThan(given?.at ?? Infinity);
    expect(sim.conversation(1)?.status).toBe('open');
  });

  it('notices it also when our change lands after its request was given up', async () => {
    const channel = await fallenOpen({ kind: 'late_land', ms: 50 });
    const examined = channel.examine?.('1', AbortSignal.timeout(5000));
    while (sim.faults.rest.counts.late_land === undefined) await new Promise((resolve) => setImmediate(resolve));
    sim.agentReplies(1, 'A person speaking.');
    expect((await examined)?.owner).toBe('human');
    expect(sim.conversation(1)?.status).toBe('open');
  });

  it('takes it back when nobody came', async () => {
    const channel = await fallenOpen();
    expect((await channel.examine?.('1', AbortSignal.timeout(5000)))?.owner).toBe('bot');
    expect(sim.conversation(1)?.status).toBe('pending');
  });
});
