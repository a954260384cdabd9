/**
 * Judges a schedule by what the simulators saw: what users wrote, what was acknowledged, what they were shown. Chasqui's database is never
 * asked, but for its dead letters, which are themselves judged against the plan.
 */
import type { ContactMessage } from '../../simulators/chatwoot/ledger.ts';
import type { Fate } from './plan.ts';
import type { Shown } from './replies.ts';

export const VIOLATIONS = [
  'lost', 'twice', 'reordered', 'wrong conversation', 'torn reply', 'spoke after takeover', 'unexpected dead letter', 'missing dead letter', 'strange message', 'process', 'still degraded',
] as const;

export interface Violation {
  kind: (typeof VIOLATIONS)[number];
  detail: string;
}

/** One text of a user, sent once or, as a planned same-text duplicate, several times in a row. */
export interface Said {
  conversation: number;
  tag: string;
  fate: Fate;
  /** One per copy. */
  messages: ContactMessage[];
}

/** A person had the conversation. Instants are UTC ms. */
export interface Taken {
  conversation: number;
  at: number;
  /** When Chasqui acknowledged what says so; null when no webhook brought it. */
  knownAt: number | null;
  backAt: number;
}

export interface Evidence {
  said: Said[];
  shown: Shown[];
  taken: Taken[];
  /** Reasons of the dead letters, from `GET /admin/dlq`. */
  dead: string[];
  catchUp: boolean;
}

/** A takeover takes effect within this, ms. */
const TAKEOVER_MS = 1000;

/** Everything that broke the promise. Empty: nothing did. */
export function judge(evidence: Evidence): Violation[] {
  const { shown } = evidence;
  return [
    ...evidence.said.flatMap((said) => judgeCount(evidence, said)),
    ...judgeOrder(evidence),
    ...judgeParts(evidence),
    ...judgeApologies(evidence),
    ...judgeTakeovers(evidence),
    ...judgeDead(evidence),
    ...shown.flatMap((each): Violation[] => (each.kind === 'strange' ? [{ kind: 'strange message', detail: `conversation ${each.conversation}: ${each.text}` }] : [])),
  ];
}

const ackOf = ({ messages }: Said): number | null => messages.map(({ ackAt }) => ackAt).filter((at) => at !== null).toSorted((a, b) => a - b)[0] ?? null;

const askedAt = ({ messages }: Said): number => messages[0]?.at ?? 0;

/** Where the platform cannot be asked, what never was acknowledged may be lost. */
export const isOwed = (said: Said, catchUp: boolean): boolean => catchUp || ackOf(said) !== null;

/** How often each answer shows the tag, in the order of showing. */
function showings(shown: Shown[], tag: string): Extract<Shown, { kind: 'answer' }>[] {
  return shown.flatMap((each) => (each.kind === 'answer' ? each.tags.filter((one) => one === tag).map(() => each) : []));
}

/** `must`: an answer is owed. `may`: a person took over before it came. `silent`: a person had the conversation when it was said. */
export type Claim = 'must' | 'may' | 'silent';

export function claimOf({ shown, taken }: Pick<Evidence, 'shown' | 'taken'>, said: Said): Claim {
  const over = taken.find(({ conversation }) => conversation === said.conversation);
  if (!over || askedAt(said) >= over.backAt) return 'must';
  if (askedAt(said) >= over.at) return 'silent';
  const first = showings(shown, said.tag)[0];
  return first && first.at < over.at ? 'must' : 'may';
}

/** How many answers a text may get: a same-text copy is a message of its own when an answer to the first, or another message, came between. */
function mostAnswers(evidence: Evidence, said: Said): number {
  const [first, ...others] = said.messages;
  const answeredAt = showings(evidence.shown, said.tag)[0]?.at ?? Infinity;
  const isRepeated = others.every(({ ackAt, attempts }) => ackAt !== null && ackAt < answeredAt && attempts.length === 1);
  const isUndisturbed = first?.attempts.length === 1 && first.ackAt !== null && first.ackAt < answeredAt && !isInterleaved(evidence, said);
  return isRepeated && isUndisturbed ? 1 : said.messages.length;
}

/** True when somebody said something between the copies, or may have: the user, or the bot in answer to something older. */
function isInterleaved({ said, shown }: Evidence, repeated: Said): boolean {
  const acks = repeated.messages.map(({ ackAt }) => ackAt ?? Infinity);
  const between = (at: number | null): boolean => at === null || (at >= Math.min(...acks) - 50 && at <= Math.max(...acks) + 50);
  const spoke = shown.some(({ conversation, at }) => conversation === repeated.conversation && between(at));
  return spoke || said.some((other) => other !== repeated && other.conversation === repeated.conversation && other.messages.some(({ ackAt }) => between(ackAt)));
}

function judgeCount(evidence: Evidence, said: Said): Violation[] {
  const seen = showings(evidence.shown, said.tag);
  const claim = claimOf(evidence, said);
  const violations: Violation[] = seen
    .filter(({ conversation }) => conversation !== said.conversation)
    .map(({ conversation }) => ({ kind: 'wrong conversation', detail: `${said.tag} was answered in conversation ${conversation}` }));
  if (seen.length > mostAnswers(evidence, said)) {
    const times = seen.map(({ answer, at }) => `answer ${answer} at +${at - askedAt(said)} ms`).join(', ');
    violations.push({ kind: 'twice', detail: `${said.tag}: ${times}` });
  }
  if (said.fate !== 'answer' && seen.length > 0) violations.push({ kind: 'twice', detail: `${said.tag} has no answer by plan, and got one` });
  const isLost = seen.length === 0 && said.fate === 'answer' && claim === 'must' && isOwed(said, evidence.catchUp);
  if (isLost) violations.push({ kind: 'lost', detail: `${said.tag}${ackOf(said) === null ? ' (never acknowledged)' : ''}` });
  return violations;
}

/** Who was acknowledged before another was said is answered before it, or together with it. */
function judgeOrder({ said, shown, taken }: Evidence): Violation[] {
  const places = said.flatMap((each) => {
    const place = shown.findIndex((one) => one.kind === 'answer' && one.tags.includes(each.tag));
    return place >= 0 && claimOf({ shown, taken }, each) === 'must' ? [{ each, place, ack: ackOf(each) }] : [];
  });
  return places.flatMap((earlier) =>
    places
      .filter(({ each, place }) => each.conversation === earlier.each.conversation && earlier.ack !== null && earlier.ack < askedAt(each) && place < earlier.place)
      .map(({ each }): Violation => ({ kind: 'reordered', detail: `${each.tag} was answered before ${earlier.each.tag}, which was acknowledged before it was said` })),
  );
}

/** The parts of an answer come once each, in order, and all of them, unless a person took over. */
function judgeParts({ shown, taken }: Evidence): Violation[] {
  const answers = new Map<number, Extract<Shown, { kind: 'answer' }>[]>();
  for (const each of shown) if (each.kind === 'answer') answers.set(each.answer, [...(answers.get(each.answer) ?? []), each]);
  return [...answers.values()].flatMap((parts): Violation[] => {
    const [first] = parts;
    if (!first) return [];
    const order = parts.map(({ part }) => part);
    const detail = `answer ${first.answer} in conversation ${first.conversation}: parts ${order.join(', ')} of ${first.of}`;
    if (new Set(order).size < order.length) return [{ kind: 'twice', detail }];
    if (order.some((part, index) => part !== index + 1)) return [{ kind: 'reordered', detail }];
    const isCut = taken.some(({ conversation }) => conversation === first.conversation);
    return order.length < first.of && !isCut ? [{ kind: 'torn reply', detail }] : [];
  });
}

function judgeApologies({ said, shown, catchUp }: Evidence): Violation[] {
  const conversations = new Set([...said, ...shown].map(({ conversation }) => conversation));
  return [...conversations].flatMap((conversation) =>
    (['apology', 'apology_crashed'] as const).flatMap((kind): Violation[] => {
      const due = said.filter((each) => each.conversation === conversation && each.fate === kind);
      const owed = due.filter((each) => isOwed(each, catchUp)).length;
      const came = shown.filter((each) => each.conversation === conversation && each.kind === kind).length;
      const detail = `${kind} in conversation ${conversation}: ${came}, planned ${due.length}`;
      if (came > due.length) return [{ kind: 'twice', detail }];
      return came < owed ? [{ kind: 'lost', detail }] : [];
    }),
  );
}

function judgeTakeovers(evidence: Evidence): Violation[] {
  const { taken, shown, said } = evidence;
  return taken.flatMap(({ conversation, knownAt, backAt }) => {
    const from = knownAt === null ? Infinity : knownAt + TAKEOVER_MS;
    const spoken = shown.filter((each) => each.conversation === conversation && each.at > from && each.at < backAt);
    const silent = said.filter((each) => each.conversation === conversation && claimOf(evidence, each) === 'silent');
    const answered = knownAt === null ? [] : silent.filter(({ tag, messages }) => messages.every(({ at }) => at > knownAt) && showings(shown, tag).some(({ at }) => at < backAt));
    return [
      ...spoken.map(({ at }): Violation => ({ kind: 'spoke after takeover', detail: `conversation ${conversation}, ${at - (knownAt ?? 0)} ms after it was known` })),
      ...answered.map(({ tag }): Violation => ({ kind: 'spoke after takeover', detail: `${tag} was answered though a person had the conversation` })),
    ];
  });
}

const REASONS: Partial<Record<Fate, string>> = { apology: 'attempts_exhausted', apology_crashed: 'crashed' };

/** Exactly those that the plan makes, by reason. */
function judgeDead({ said, dead, catchUp }: Evidence): Violation[] {
  const due = said.flatMap((each) => ({ each, reason: REASONS[each.fate] })).filter(({ reason }) => reason !== undefined);
  const reasons = new Set([...dead, ...due.map(({ reason }) => reason as string)]);
  return [...reasons].flatMap((reason): Violation[] => {
    const planned = due.filter((one) => one.reason === reason);
    const count = dead.filter((one) => one === reason).length;
    const detail = `${reason}: ${count}, planned ${planned.length}`;
    if (count > planned.length) return [{ kind: 'unexpected dead letter', detail }];
    return count < planned.filter(({ each }) => isOwed(each, catchUp)).length ? [{ kind: 'missing dead letter', detail }] : [];
  });
}
