import { isEnded } from '../memory/state.ts';
import type { JobRow, MessageRow } from '../memory/state.ts';
import type { Violation } from './chooser.ts';
import type { Shown } from './platform.ts';
import { MAX_ATTEMPTS } from './settings.ts';
import type { World } from './world.ts';

/** Claims beyond this, in a run that did not fault, are a lane that spins. */
const CALM_CLAIMS = 60;
const CLAIMS_PER_FAULT = 40;
const HANDOFF_PER_FAULT_MS = 45_000;

/** The promise, checked against what the platform showed and what the store kept at the end of a run. */
export function violationsOf(world: World): Violation[] {
  const found: Violation[] = [];
  const bad = (rule: string, why: string): void => void found.push({ rule, why });
  lostOrOpen(world, bad);
  for (const message of inbound(world)) {
    endedOnce(world, message, bad);
    answeredOnce(world, message, bad);
    diedJustly(world, message, bad);
  }
  visibleOnce(world, bad);
  failedTruly(world, bad);
  inOrder(world, bad);
  ledgerClosed(world, bad);
  handedOffSoon(world, bad);
  if (world.facts.claims > CALM_CLAIMS + CLAIMS_PER_FAULT * world.faults) bad('SPIN', `${world.facts.claims} claims`);
  return found;
}

type Bad = (rule: string, why: string) => void;

const inbound = (world: World): MessageRow[] => [...world.state.messages.values()].filter((each) => each.direction === 'inbound' && each.arrived);
const nameOf = (message: MessageRow): string => message.externalId ?? message.id;
/** An edit that was taken for a new message carries its name with a mark. */
const isAbout = (shown: Shown, name: string): boolean => shown.covers.some((each) => each === name || each === `${name}'`);
const answersTo = (world: World, name: string): Shown[] => world.platform.shown.filter((each) => each.kind === 'answer' && isAbout(each, name));

const plannedAt = (world: World, { turnId }: Shown): number => world.facts.plannedAt.get(turnId) ?? 0;

function jobsOf(world: World, message: MessageRow): JobRow[] {
  return [...world.state.lanes.values()].flatMap((lane) => [...lane.jobs.values()]).filter((job) => job.messageId === message.id);
}

function lostOrOpen(world: World, bad: Bad): void {
  const stored = new Map(inbound(world).map((message) => [nameOf(message), message]));
  for (const name of world.facts.acked) {
    const message = stored.get(name);
    if (!message) bad('LOST', `${name} was acknowledged and is not stored`);
    else if (!message.ending) bad('NEVER-ENDED', `${name} has no ending at ${world.t} ms`);
  }
  for (const lane of world.state.lanes.values()) {
    const open = [...lane.jobs.values()].filter((job) => !isEnded(job));
    if (open.length > 0 || lane.lastSeq > lane.doneSeq) bad('NEVER-ENDED', `${lane.id} still has work: ${open.map((job) => `${job.seq} ${job.state}`).join(', ')}`);
  }
}

function endedOnce(world: World, message: MessageRow, bad: Bad): void {
  const name = nameOf(message);
  if (message.endings > 1 + message.reopened) bad('TWO-ENDINGS', `${name} ended ${message.endings} times`);
  const last = jobsOf(world, message).at(-1);
  if (last?.state === 'dead' && message.ending !== 'dead') bad('ENDING', `the last job of ${name} is dead, the message ${message.ending}`);
  if (last?.state === 'completed' && message.ending === 'dead') bad('ENDING', `the last job of ${name} is completed, the message dead`);
  const handed = message.ending === 'handed_off' || message.endingReason === 'human_owns';
  if (handed && world.facts.takeovers.length === 0) bad('FALSE-HANDOFF', `${name} was handed off, and no person ever took over`);
  if (message.endingReason === 'duplicate_text' && !inbound(world).some((each) => each !== message && each.text === message.text && each.position < message.position)) {
    bad('LOST', `${name} was suppressed as the duplicate of a message that was never stored`);
  }
}

function answeredOnce(world: World, message: MessageRow, bad: Bad): void {
  const name = nameOf(message);
  const answers = answersTo(world, name);
  if (message.ending === 'answered' && answers.length === 0) bad('FALSE-ANSWERED', `${name} ended answered, and no reply to it was shown`);
  const turns = new Set(answers.map((each) => each.turnId));
  if (turns.size > 1) bad('DOUBLE', `${name} was answered by ${turns.size} different replies`);
  const apologies = new Set(world.platform.shown.filter((each) => each.kind === 'apology' && each.covers.includes(name)).map((each) => each.turnId));
  if (apologies.size > 0 && answers.length > 0 && message.reopened === 0) bad('DOUBLE', `${name} got an answer and an apology`);
  if (apologies.size > 1 + message.reopened) bad('DOUBLE', `${name} got ${apologies.size} apologies`);
  const withdrawn = world.facts.withdrawnAt.get(name);
  if (withdrawn !== undefined && message.ending === 'answered' && answers.every((each) => plannedAt(world, each) > withdrawn)) bad('WITHDRAWN', `a reply to ${name} was stored after it was withdrawn`);
}

/** A message dies of its own failures, or of as many injected ones as it is allowed. */
function diedJustly(world: World, message: MessageRow, bad: Bad): void {
  const ofAttempts = message.endingReason === 'attempts_exhausted' || message.endingReason === 'crashed';
  if (!ofAttempts) return;
  const own = world.wasPoison.has(nameOf(message)) ? (world.facts.genuine.get(nameOf(message)) ?? 0) : 0;
  if (own + world.faults < MAX_ATTEMPTS) bad('UNJUST-DEAD', `${nameOf(message)} is dead (${message.endingReason}) after ${own} failures of its own and ${world.faults} faults`);
}

function visibleOnce(world: World, bad: Bad): void {
  const times = new Map<string, number>();
  for (const { key } of world.platform.shown) times.set(key, (times.get(key) ?? 0) + 1);
  const mayDouble = world.config.capability === 'none' && world.config.policy === 'prefer_duplicate';
  for (const [key, n] of times) {
    // Where nobody can tell what was shown, an operator who retries decides for a possible double.
    const decided = world.config.capability === 'none' && world.platform.shown.some((each) => each.key === key && each.isRetry);
    if (n > 1 && !decided && (!mayDouble || world.facts.avoidable.has(key))) bad('DOUBLE', `part ${key} was shown ${n} times`);
  }
  const notices = Map.groupBy(world.platform.shown.filter((each) => each.kind === 'notice'), (each) => each.conversation);
  for (const [name, shown] of notices) if (new Set(shown.map((each) => each.turnId)).size > 1) bad('DOUBLE', `${name} was told twice`);
  const notes = [...world.state.lanes.values()].flatMap((lane) => [...lane.jobs.values()]).filter((job) => job.kind === 'note');
  for (const [payload, n] of tally(notes.map((job) => JSON.stringify(job.payload)))) if (n > 1) bad('DOUBLE', `the delayed job ${payload} was promoted ${n} times`);
}

/** A part that the store calls failed was never shown. */
function failedTruly(world: World, bad: Bad): void {
  const shown = new Set(world.platform.shown.map((each) => each.key));
  for (const turn of world.state.turns.values()) {
    for (const send of turn.sends) if (send.state === 'failed' && shown.has(send.key)) bad('FALSE-FAILED', `part ${send.key} is failed, and was shown`);
  }
}

function tally(keys: string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1);
  return counts;
}

/** Replies appear in the order of acceptance; the parts of one in their order, and not between those of another. */
function inOrder(world: World, bad: Bad): void {
  const byConversation = Map.groupBy(world.platform.shown, (each) => each.conversation);
  for (const shown of byConversation.values()) {
    const first = shown.filter((each, i) => shown.findIndex((other) => other.key === each.key) === i);
    let newest = -1;
    let open: string | null = null;
    const closed = new Set<string>();
    const parts = new Map<string, number>();
    for (const each of first) {
      if (each.part < (parts.get(each.turnId) ?? -1)) bad('ORDER', `part ${each.part} of ${each.covers.join('+')} after a later part`);
      parts.set(each.turnId, each.part);
      if (open && open !== each.turnId) closed.add(open);
      open = each.turnId;
      if (each.isRetry || each.kind === 'notice') continue;
      if (closed.has(each.turnId)) bad('ORDER', `the parts of ${each.covers.join('+')} have another reply between them`);
      if (each.order < newest) bad('ORDER', `${each.covers.join('+')} was shown after the reply to a later message`);
      newest = Math.max(newest, each.order);
    }
  }
}

function ledgerClosed(world: World, bad: Bad): void {
  for (const turn of world.state.turns.values()) {
    const open = turn.sends.find((send) => send.state === 'planned' || send.state === 'sending');
    if (turn.settled && open) bad('LEDGER', `part ${open.part} of ${turn.id} is ${open.state} under an ended turn`);
  }
}

function handedOffSoon(world: World, bad: Bad): void {
  const within = world.config.handoffWithinMs;
  if (within === undefined) return;
  for (const message of inbound(world)) {
    const taken = world.facts.takeovers.find(({ at }) => at >= (world.facts.since.get(nameOf(message)) ?? 0));
    if (!taken || message.ending !== 'handed_off' || message.endedAt === null) continue;
    const late = message.endedAt - world.skew - taken.at;
    if (late > within + HANDOFF_PER_FAULT_MS * world.faults) bad('HANDOFF-LATE', `${nameOf(message)} ended ${late} ms after the takeover`);
  }
}
