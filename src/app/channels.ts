import { isDeepStrictEqual } from 'node:util';
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
import type { Follower } from './reload.ts';
import { buildResponder, responderPlan } from './responders.ts';
import type { BuiltResponder } from './responders.ts';

/** A channel with what answers in it. */
export interface Connected extends BuiltResponder {
  config: ChannelConfig;
  channel: Channel;
  /** Of the playground. */
  hub: PlaygroundHub | null;
  /** What the channel and the responder were made from: the same again makes no others. */
  plans: Plans;
}

interface Plans {
  channel: unknown;
  responder: unknown;
}

/** The channels that are connected now. Ask each time: a reload may connect others. */
export interface Connections extends Follower {
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

type MadeChannel = Pick<Connected, 'channel' | 'hub'>;

/** Everything that {@link buildChannel} needs to know. */
function channelPlan({ id, orgId, connection, talk }: ChannelConfig, settings: Settings) {
  switch (connection.kind) {
    case 'chatwoot': {
      const { kind, ...options } = connection;
      const timing = { requestMs: settings.sendRequestMs, landingMs: settings.sendLandingMs, onOpen: talk.chatwootOnOpen };
      return { kind, options: { id, orgId, ...options, ...timing } };
    }
    case 'playground':
      return { kind: connection.kind, options: { id, orgId } };
  }
}

function buildChannel(plan: ReturnType<typeof channelPlan>, deps: Deps): MadeChannel {
  switch (plan.kind) {
    case 'chatwoot':
      return { channel: createChatwootChannel(plan.options, deps), hub: null };
    case 'playground': {
      const channel = createPlaygroundChannel(plan.options, deps);
      return { channel, hub: channel.hub };
    }
  }
}

function madeChannel(plan: ReturnType<typeof channelPlan>, deps: Deps): MadeChannel {
  const made = buildChannel(plan, deps);
  return { ...made, channel: deps.parts.channel?.(made.channel) ?? made.channel };
}

function madeResponder(plan: ReturnType<typeof responderPlan>, deps: Deps): BuiltResponder {
  const made = buildResponder(plan, deps.clock);
  return { ...made, responder: deps.parts.responder?.(made.responder) ?? made.responder };
}

/** What was made before stays as it is, with its connections and memory, unless what it was made from has changed. */
function connect(config: ChannelConfig, given: { settings: Settings; before: Connected | undefined; deps: Deps }): Connected {
  const { settings, before, deps } = given;
  const plans = { channel: channelPlan(config, settings), responder: responderPlan(config.responder, settings) };
  const channel = before && isDeepStrictEqual(before.plans.channel, plans.channel) ? { channel: before.channel, hub: before.hub } : madeChannel(plans.channel, deps);
  const responder = before && isDeepStrictEqual(before.plans.responder, plans.responder) ? { responder: before.responder, warm: before.warm } : madeResponder(plans.responder, deps);
  return { config, plans, ...channel, ...responder };
}

class ConnectedChannels implements Connections {
  readonly #deps: Deps;
  #all = new Map<ChannelId, Connected>();
  /** Each webhook asks for them. */
  #byKind = new Map<string, Channel[]>();

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  get all(): readonly Connected[] {
    return [...this.#all.values()];
  }

  get(id: ChannelId): Connected | undefined {
    return this.#all.get(id);
  }

  readonly directory: ChannelDirectory = {
    ofKind: (kind) => this.#ofKind(kind),
    find: (kind, id) => this.#ofKind(kind).find((channel) => channel.id === id) ?? null,
    fromEnvironment: (kind) => this.#ofKind(kind).find((channel) => channel.id === `chn_${kind}` && channel.orgId === 'org_default') ?? null,
  };

  get playground(): Connections['playground'] {
    const last = this.all.findLast(({ hub }) => hub !== null);
    if (!last?.hub) return null;
    const { connection } = last.config;
    return { hub: last.hub, public: connection.kind === 'playground' && connection.public };
  }

  prepare({ orgs, settings }: Config): () => void {
    const deps = this.#deps;
    const channels = orgs.flatMap((org) => org.channels);
    const next = new Map(channels.map((config) => [config.id, connect(config, { settings, before: this.#all.get(config.id), deps })]));
    return () => {
      this.#all = next;
      this.#byKind = Map.groupBy([...next.values()].map(({ channel }) => channel), ({ kind }) => kind);
    };
  }

  #ofKind(kind: string): Channel[] {
    return this.#byKind.get(kind) ?? [];
  }
}

/** Connects every channel of the configuration. Throws ConfigError when one's settings cannot be used. */
export function connectChannels(config: Config, deps: Deps): Connections {
  const connections = new ConnectedChannels(deps);
  connections.prepare(config)();
  return connections;
}
