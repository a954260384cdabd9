import type { Clock } from '../domain/clock.ts';
import type { MessageId } from '../domain/ids.ts';
import type { Operate } from '../operate/index.ts';
import type { Channel } from '../ports/channel.ts';
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

export interface HttpDeps {
  intake: Intake;
  channels: ChannelDirectory;
  operate: Operate;
  store: Pick<Store, 'kind' | 'ping'>;
  lifecycle: Lifecycle;
  metrics: MetricsPage;
  /** Null: the playground is off; its page and its webhook answer 404. */
  playground: PlaygroundFeed | null;
  /** Resolves when these messages have ended. Used only with `useAsyncWebhook: false`. */
  answered(messageIds: MessageId[], signal: AbortSignal): Promise<void>;
  clock: Clock;
  telemetry: Telemetry;
}

export interface HttpSettings {
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
