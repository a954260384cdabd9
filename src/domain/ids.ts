/**
 * Branded identifiers. Every id is a string with a prefix that says what it names, so that a log line or a URL can be
 * read without its context, and so that the compiler refuses one where another is asked for.
 */
import type { Clock, Random } from './clock.ts';

declare const brand: unique symbol;
type Branded<Name extends string> = string & { readonly [brand]: Name };

/** `org_…`: the isolation and quota boundary. */
export type OrgId = Branded<'org'>;
/** `chn_…`: one connected platform account of an org. */
export type ChannelId = Branded<'channel'>;
/** `cnv_…`: a conversation: channel × remote contact or thread. */
export type ConversationId = Branded<'conversation'>;
/** `msg_…`: a normalized piece of a conversation. */
export type MessageId = Branded<'message'>;
/** `cnv_…` for the lane of a conversation (same text as its id), `lane_…` for a lane of its own. */
export type LaneId = Branded<'lane'>;
/** `job_{laneId}_{seq}`: the address of a job is its id, so no index is needed to find it. */
export type JobId = Branded<'job'>;
/** `turn_…`: a stored reply and the messages it answers. */
export type TurnId = Branded<'turn'>;
/** `op_…`: a long operation with progress. */
export type OperationId = Branded<'operation'>;

export interface IdOf {
  cnv: ConversationId;
  msg: MessageId;
  lane: LaneId;
  turn: TurnId;
  op: OperationId;
}

export type NewId = <P extends keyof IdOf>(prefix: P) => IdOf[P];

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';

function base32(value: number, length: number): string {
  let text = '';
  let rest = value;
  for (let i = 0; i < length; i++) {
    text = ALPHABET[rest % 32] + text;
    rest = Math.floor(rest / 32);
  }
  return text;
}

/** The first characters, after the prefix, of every id made at an instant (UTC ms): ids below it are older. */
export const instantPrefix = (at: number): string => base32(Math.max(0, Math.floor(at)), 9);

/** When an id was made, UTC ms; null for a text that is no id of `createIds`. */
export function instantOf(id: string): number | null {
  const characters = /^[a-z]+_([0-9a-hjkmnp-tv-z]{9})[0-9a-hjkmnp-tv-z]{11}$/.exec(id)?.[1];
  return characters === undefined ? null : [...characters].reduce((at, character) => at * 32 + ALPHABET.indexOf(character), 0);
}

/**
 * Makes ids that sort by the time they were made (9 characters of milliseconds, 3 of a counter, 8 of chance), so that
 * new rows land at the end of an index instead of all over it.
 */
export function createIds(clock: Clock, random: Random): NewId {
  let last = 0;
  let count = 0;
  return (prefix) => {
    const now = Math.max(clock.now(), last);
    count = now === last ? count + 1 : 0;
    last = now;
    const chance = base32(Math.floor(random() * 2 ** 40), 8);
    return `${prefix}_${base32(now, 9)}${base32(count, 3)}${chance}` as never;
  };
}

/** The lane of a conversation: the same text, seen as a lane. */
export const laneOf = (conversation: ConversationId): LaneId => conversation as string as LaneId;

export const jobId = (lane: LaneId, seq: number): JobId => `job_${lane}_${seq}` as JobId;

/** Where a job lives, or `null` when the text is not a job's id. */
export function jobAddress(id: string): { laneId: LaneId; seq: number } | null {
  const match = /^job_((?:cnv|lane)_[0-9a-z]+)_([1-9][0-9]{0,14})$/.exec(id);
  return match ? { laneId: match[1] as LaneId, seq: Number(match[2]) } : null;
}
