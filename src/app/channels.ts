import { createChatwootChannel } from '../channels/chatwoot/index.ts';
import { createPlaygroundChannel } from '../channels/playground/index.ts';
import type { PlaygroundHub } from '../channels/playground/index.ts';
import type { ChannelConfig, Config, Settings } from '../config/index.ts';
import type { Clock } from '../domain/clock.ts';
import type { ChannelId, NewId } from '../domain/ids.ts';
import type { ChannelDirectory } from '../http/index.ts';
import type { Channel } from '../ports/channel.ts';
import type { Telemetry } from '../ports/telemetry.ts';
import type { Parts } from './parts.ts';
import { buildResponder } from './responders.ts';
import type { BuiltResponder } from './responders.ts';

/** A channel with what answers in it. */
export interface Connected extends BuiltResponder {
  config: ChannelConfig;
  channel: Channel;
}

export interface Connections {
  readonly all: readonly Connected[];
  get(id: ChannelId): Connected | undefined;
  readonly directory: ChannelDirectory;
  /** Null: no playground. */
  readonly playground: { hub: PlaygroundHub; public: boolean } | null;
}

interface Deps {
  clock: Clock;
  newId: NewId;
  telemetry: Telemetry;
  parts: Parts;
}

function buildChannel(config: ChannelConfig, settings: Settings, deps: Deps): { channel: Channel; hub: PlaygroundHub | null } {
  const { id, orgId, connection } = config;
  switch (connection.kind) {
    case 'chatwoot': {
      const { kind: _kind, ...options } = connection;
      const timing = { requestMs: settings.sendRequestMs, landingMs: settings.sendLandingMs, onOpen: config.talk.chatwootOnOpen };
      return { channel: createChatwootChannel({ id, orgId, ...options, ...timing }, deps), hub: null };
    }
    case 'playground': {
      const channel = createPlaygroundChannel({ id, orgId }, deps);
      return { channel, hub: channel.hub };
    }
  }
}

function directoryOf(all: readonly Connected[]): ChannelDirectory {
  const channels = all.map(({ channel }) => channel);
  const ofKind = (kind: string): Channel[] => channels.filter((channel) => channel.kind === kind);
  return {
    ofKind,
    find: (kind, id) => ofKind(kind).find((channel) => channel.id === id) ?? null,
    fromEnvironment: (kind) => ofKind(kind).find((channel) => channel.id === `chn_${kind}` && channel.orgId === 'org_default') ?? null,
  };
}

/** Connects every channel of the configuration. Throws ConfigError when one's settings cannot be used. */
export function connectChannels(config: Config, deps: Deps): Connections {
  const { parts, clock } = deps;
  let playground: Connections['playground'] = null;
  const all = config.orgs.flatMap((org) => org.channels).map((channelConfig): Connected => {
    const { channel, hub } = buildChannel(channelConfig, config.settings, deps);
    if (hub && channelConfig.connection.kind === 'playground') playground = { hub, public: channelConfig.connection.public };
    const { responder, warm } = buildResponder(channelConfig.responder, config.settings, clock);
    return { config: channelConfig, channel: parts.channel?.(channel) ?? channel, responder: parts.responder?.(responder) ?? responder, warm };
  });
  const byId = new Map(all.map((connected) => [connected.config.id, connected]));
  return { all, get: (id) => byId.get(id), directory: directoryOf(all), playground };
}
