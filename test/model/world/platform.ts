import type { TurnId } from '../../../src/domain/ids.ts';
import type { TurnKind } from '../../../src/domain/turn.ts';
import type { Channel, OutgoingPart, Resolution, SendResult } from '../../../src/ports/channel.ts';
import type { TurnRow } from '../memory/state.ts';
import type { Process } from './process.ts';
import { CHANNEL, ORG } from './settings.ts';
import type { World } from './world.ts';

export const REQUEST_MS = 5_000;
const LANDING_MS = 3_000;
const KEY_WINDOW_MS = 60_000;
/** A write may follow a takeover by this much. */
const EDGE_MS = 1_000;
const NET_FAULTS = ['lostResponse', '503', 'lateLanding', 'lostRequest', '403'];

/** Something a user of the platform saw. */
export interface Shown {
  conversation: string;
  key: string;
  turnId: TurnId;
  part: number;
  kind: TurnKind;
  /** External ids of the messages that the reply was computed from, or that the apology is for. */
  covers: string[];
  /** Acceptance order of the newest of them. */
  order: number;
  /** Delivered by an operator's retry: exempt from order. */
  isRetry: boolean;
  wroteAt: number;
}

/** The chat platform: what it shows, and what its network does to requests. */
export class Platform {
  readonly shown: Shown[] = [];
  readonly #keys = new Map<string, number>();
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
  }

  channelOf(process: Process): Channel {
    const { capability, policy = 'prefer_silence', mutation } = this.#world.config;
    const byCapability: Record<typeof capability, Resolution> = {
      key: { by: 'key', windowMs: KEY_WINDOW_MS }, readback: { by: 'readback' }, none: { by: 'none', policy },
    };
    return {
      id: CHANNEL, orgId: ORG, kind: 'model', resolution: byCapability[capability],
      requestMs: REQUEST_MS, landingMs: mutation === 'settle' ? -REQUEST_MS : LANDING_MS,
      verify: () => null,
      parse: () => [],
      split: (text) => Array.from({ length: this.#world.config.parts ?? 1 }, (_, i) => `${text}#${i}`),
      send: (part) => this.#send(process, part),
      ...(capability === 'none' ? {} : { find: (part: OutgoingPart) => this.#find(process, part) }),
    };
  }

  /** Reading back is a call that may fail like the store's. */
  async #find(process: Process, part: OutgoingPart): Promise<string | null> {
    const found = await this.#world.task({
      label: `${process.name}.find`, process, faults: 'process', act: () => (this.shown.some((each) => each.key === part.key) ? `p-${part.key}` : null),
    });
    return found as string | null;
  }

  /** The bytes are written in this very moment; what comes of them is the network's to decide. */
  #send(process: Process, part: OutgoingPart): Promise<SendResult> {
    const world = this.#world;
    if (process.isDead) return new Promise(() => {});
    const write = this.#written(part);
    if (write.kind === 'answer' && write.covers.some((name) => world.poison.get(name) === 'send')) {
      for (const name of write.covers) world.facts.genuine.set(name, (world.facts.genuine.get(name) ?? 0) + 1);
      return process.dieNow('sending a poisonous reply');
    }
    const what = world.choose(`${process.name}.send`, ['ok', ...(world.has('net') ? (world.config.net ?? NET_FAULTS) : [])]);
    if (what !== 'ok') world.fault();
    world.log(process.name, 'POST', part.key.slice(-6), part.text, what);
    this.#checkSilence(write);
    if (what === 'ok' || what === 'lostResponse') this.#land(write, 5);
    if (what === 'lateLanding') this.#land(write, REQUEST_MS + LANDING_MS - 500);
    return this.#response(process, part, what);
  }

  #response(process: Process, part: OutgoingPart, what: string): Promise<SendResult> {
    const results: Record<string, SendResult> = {
      ok: { kind: 'sent', providerId: `p-${part.key}` },
      '503': { kind: 'refused_for_now', retryAfterMs: this.#world.config.retryAfterMs, error: '503' },
      '403': { kind: 'failed', reason: 'send_failed', error: '403' },
    };
    return new Promise((resolve) => {
      const result = results[what];
      if (result) this.#world.timer(process, 10, () => resolve(result));
    });
  }

  #land(write: Shown, inMs: number): void {
    this.#world.after(inMs, 'landing', () => {
      if (this.#world.config.capability === 'key') {
        const first = this.#keys.get(write.key);
        if (first !== undefined && this.#world.t - first < KEY_WINDOW_MS) return;
        this.#keys.set(write.key, this.#world.t);
      }
      this.shown.push(write);
      this.#world.log('   shows', write.key.slice(-6), write.kind, write.covers.join('+'));
    });
  }

  #written(part: OutgoingPart): Shown {
    const { state } = this.#world;
    const [, turnId = '', number = ''] = /^(.*)-(\d+)$/.exec(part.key) ?? [];
    const turn = state.turns.get(turnId as TurnId) as TurnRow;
    const jobs = turn.members.map((seq) => state.lanes.get(turn.laneId)?.jobs.get(seq));
    const messages = jobs.map((job) => (job?.messageId ? state.messages.get(job.messageId) : undefined));
    const named = turn.kind === 'answer' ? (part.text.split('#')[0] as string).split('+') : messages.map((message) => message?.externalId ?? '');
    const order = Math.max(...[...state.messages.values()].filter((each) => named.includes(each.externalId ?? '')).map((each) => each.position));
    return {
      conversation: part.conversation.externalId, key: part.key, turnId: turn.id, part: Number(number), kind: turn.kind, covers: named, order,
      isRetry: jobs.some((job) => job?.retryOf), wroteAt: this.#world.t,
    };
  }

  /** Nothing of the bot's is written once a person took over, nor afterwards when it was computed before. */
  #checkSilence(write: Shown): void {
    const world = this.#world;
    for (const { conversation, at } of world.facts.takeovers) {
      if (conversation !== write.conversation || world.t - at <= EDGE_MS) continue;
      const before = write.covers.filter((name) => (world.facts.since.get(name) ?? 0) < at);
      // An operator who retries one message of a turn decides for the whole reply.
      const isDecided = write.isRetry && before.length < write.covers.length;
      if (before.length > 0 && !isDecided) world.bad('SILENCE', `a reply to ${before.join('+')} was written ${world.t - at} ms after a takeover`);
    }
  }
}

