import { vi } from 'vitest';
import { createIds } from '../../src/domain/ids.ts';
import type { ChannelId, MessageId, OrgId } from '../../src/domain/ids.ts';
import { createHttp } from '../../src/http/index.ts';
import type { HttpDeps, HttpSettings } from '../../src/http/index.ts';
import { createPlaygroundChannel } from '../../src/channels/playground/index.ts';
import type { Channel, RawDelivery } from '../../src/ports/channel.ts';
import type { Intake } from '../../src/ports/intake.ts';
import { createEvents } from '../../src/telemetry/index.ts';
import { letter, record } from '../operate/fake-store.ts';
import { operateOver } from '../operate/support.ts';

/** A channel that only has a name. */
export function namedChannel(kind: string, id: string): Channel {
  return {
    id: id as ChannelId,
    orgId: 'org_a' as OrgId,
    kind,
    resolution: { by: 'readback' },
    requestMs: 1,
    landingMs: 1,
    verify: () => null,
    parse: () => [],
    split: (text) => [text],
    send: async () => ({ kind: 'sent', providerId: null }),
  };
}

export interface Received {
  channel: Channel;
  delivery: RawDelivery;
}

/** An intake that keeps what it was given and accepts it, unless told otherwise. */
export function recordingIntake() {
  const received: Received[] = [];
  const receive = vi.fn<Intake['receive']>(async (channel, delivery) => {
    received.push({ channel, delivery });
    return { messageIds: ['msg_1' as MessageId], duplicates: 0 };
  });
  return { received, intake: { receive, accept: async () => ({ messageIds: [], duplicates: 0 }) } satisfies Intake };
}

export const SETTINGS: HttpSettings = {
  surface: 'all',
  host: '127.0.0.1',
  port: 0,
  adminToken: null,
  production: false,
  version: '9.9.9',
  useAsyncWebhook: true,
  answerDeadlineMs: 60_000,
  playgroundPublic: false,
};

interface Given {
  settings?: Partial<HttpSettings>;
  deps?: Partial<HttpDeps>;
  channels?: Channel[];
  operate?: Parameters<typeof operateOver>[0];
}

/** The real HTTP room over the real operators' room and fake ports. */
export async function serve({ settings = {}, deps = {}, channels, operate }: Given = {}) {
  const room = operateOver(operate ?? { letters: [letter('cnv_1', 1), letter('cnv_1', 2)], records: [record()] });
  const { clock, telemetry } = room;
  const playground = createPlaygroundChannel({ id: 'chn_play' as ChannelId, orgId: 'org_a' as OrgId }, { clock, newId: createIds(clock, () => 0.5) });
  const connected = channels ?? [namedChannel('chatwoot', 'chn_a'), playground];
  const events = createEvents({ relay: null, clock, telemetry });
  const recording = recordingIntake();
  const all: HttpDeps = {
    intake: recording.intake,
    channels: {
      find: (kind, id) => connected.find((channel) => channel.kind === kind && channel.id === id) ?? null,
      ofKind: (kind) => connected.filter((channel) => channel.kind === kind),
      fromEnvironment: () => null,
    },
    operate: room.operate,
    store: { kind: 'memory', ping: async () => undefined },
    lifecycle: {
      phase: () => 'ready',
      initialized: true,
      handlers: [{ name: 'localQueue', priority: 10 }, { name: 'http', priority: 1 }],
      degraded: () => [],
      breakers: () => [],
    },
    configuration: { view: () => ({ file: null, needsRestart: [], refused: null, settings: [] }), reload: async () => ({ kind: 'unchanged' }) },
    metrics: { text: async () => 'jobs 1\n', json: async () => ({ jobs: 1 }), contentType: 'text/plain; version=0.0.4; charset=utf-8' },
    playground: playground.hub,
    events,
    answered: async () => undefined,
    clock,
    telemetry,
    ...deps,
  };
  const http = await createHttp(all, { ...SETTINGS, ...settings });
  return { ...room, http, events, app: http.app, received: recording.received, intake: recording.intake, playground };
}
