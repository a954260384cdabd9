import type { ConfigChange, ConfigRow } from '../config/index.ts';
import type { Clock } from '../domain/clock.ts';
import type { MessageId } from '../domain/ids.ts';
import type { Operate } from '../operate/index.ts';
import type { Channel } from '../ports/channel.ts';
import type { Events } from '../ports/events.ts';
import type { Intake } from '../ports/intake.ts';
import type { Store } from '../ports/store.ts';
import type { Telemetry } from '../ports/telemetry.ts';

/** Which channels are connected. */
export interface ChannelDirectory {
  find(kind: string, id: string): Channel | null;
  ofKind(kind: string): readonly Channel[];
  /** The channel that the environment variables configured, which the old addresses without a kind mean. */
  fromEnvironment(kind: string): Channel | null;
}

/** How far the process is in its life. */
export interface Lifecycle {
  phase(): 'starting' | 'ready' | 'draining';
  readonly initialized: boolean;
  /** What the shutdown will call, in its order. */
  readonly handlers: readonly { name: string; priority: number }[];
  /** Names of the promises kept more slowly or by other means than configured. */
  degraded(): readonly string[];
  breakers(): readonly { name: string; state: string }[];
}

/** The metrics, rendered. */
export interface MetricsPage {
  text(): Promise<string>;
  json(): Promise<object>;
  /** Of {@link MetricsPage.text}. */
  readonly contentType: string;
}

/** What the playground's page is told while it is open. */
export type PlaygroundEvent =
  | { type: 'message'; key: string; text: string; at: number }
  | { type: 'typing'; on: boolean };

/** Follows one conversation of the playground. */
export interface PlaygroundFeed {
  /** What was said there so far, oldest first. */
  transcript(conversation: string): readonly PlaygroundEvent[];
  /** Returns how to stop listening. */
  subscribe(conversation: string, listener: (event: PlaygroundEvent) => void): () => void;
}

/** What this process is configured to do. */
export interface Configuration {
  /** `needsRestart`: settings that were read and wait for one; `refused`: why the last reading changed nothing, when it was refused. */
  view(): { file: string | null; needsRestart: readonly string[]; refused: string | null; settings: readonly ConfigRow[] };
  /** Reads it again. Never rejects. */
  reload(): Promise<{ kind: 'unchanged' } | { kind: 'reloaded'; change: ConfigChange } | { kind: 'refused'; why: string }>;
}

export interface HttpDeps {
  intake: Intake;
  channels: ChannelDirectory;
  operate: Operate;
  store: Pick<Store, 'kind' | 'ping'>;
  lifecycle: Lifecycle;
  configuration: Configuration;
  metrics: MetricsPage;
  /** Null: the playground is off; its page and its webhook answer 404. */
  playground: PlaygroundFeed | null;
  /** What happens to jobs. */
  events: Pick<Events, 'subscribe'>;
  /** Resolves when these messages have ended. Used only with `useAsyncWebhook: false`. */
  answered(messageIds: MessageId[], signal: AbortSignal): Promise<void>;
  clock: Clock;
  telemetry: Telemetry;
}

export interface HttpSettings {
  /** `probes`: only the probes and the metrics, for a process that takes no webhooks. */
  surface: 'all' | 'probes';
  host: string;
  /** 0: any free port. */
  port: number;
  /** Null: only this machine may use the operators' routes, and in production nobody. */
  adminToken: string | null;
  production: boolean;
  version: string;
  /** False: a webhook is answered only after its messages have ended, or after `answerDeadlineMs`. */
  useAsyncWebhook: boolean;
  answerDeadlineMs: number;
  /** True: the playground may be used from other machines too. */
  playgroundPublic: boolean;
}
