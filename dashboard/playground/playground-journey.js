import { fill, shortMs } from './playground-words.js';

/** Makes an element. Text goes in as text, never as markup. */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

const BAD = new Set(['failed', 'crashed', 'unknown']);
const WAITING = new Set(['running', 'planned', 'sending', 'retryable', 'scheduled', 'available']);
const VERDICTS_YES = new Set(['accepted', 'deferred']);

export function toneOfEnding(kind) {
  if (kind === null) return 'wait';
  if (kind === 'answered') return 'good';
  return kind === 'dead' ? 'bad' : 'wait';
}

function toneOf({ step, reason, detail }) {
  if (step === 'ended') return toneOfEnding(detail?.ending ?? null);
  if (step === 'verdict') return VERDICTS_YES.has(reason) ? 'good' : 'wait';
  if (step === 'responded' && reason === 'apology') return 'bad';
  if (BAD.has(reason)) return 'bad';
  return WAITING.has(reason) || reason === 'handed_back' || reason === 'cancelled' ? 'wait' : 'good';
}

function aboutTurn({ reason, detail }, words) {
  const parts = [fill(words.turn[reason] ?? reason, detail)];
  if (detail.model) parts.push(fill(words.turn.model, detail));
  if (detail.inputTokens !== null) parts.push(fill(words.turn.tokens, { in: detail.inputTokens, out: detail.outputTokens }));
  if (detail.messages > 1) parts.push(fill(words.turn.together, { count: detail.messages }));
  return parts.join(' ');
}

const withError = (text, detail) => (detail?.error ? `${text} ${detail.error}` : text);

const TELL = {
  received: (_step, words) => words.told.received,
  verified: (_step, words) => words.told.verified,
  verdict: ({ reason }, words) => words.verdict[reason] ?? reason,
  waited: ({ reason, detail }, words) => fill(words.wait[reason] ?? reason, { ms: shortMs(detail.waitMs) }),
  attempt: ({ reason, detail }, words) => withError(fill(words.attempt[reason] ?? reason, { ms: shortMs(detail.durationMs) }), detail),
  responded: aboutTurn,
  send: ({ reason, detail }, words) => withError(fill(words.sendState[reason] ?? reason, detail), detail),
  ended: ({ reason, detail }, words) => `${words.ending[detail.ending] ?? detail.ending}: ${words.reason[reason] ?? reason}`,
};

function titleOf({ step, detail }, words, sends) {
  if (step !== 'send' || sends.length < 2) return fill(words.step[step] ?? step, detail ?? {});
  return fill(words.step.sendPart, { part: sends.indexOf(detail) + 1, parts: sends.length });
}

function clockTime(at) {
  const date = new Date(at);
  const two = (value) => String(value).padStart(2, '0');
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${String(date.getMilliseconds()).padStart(3, '0')}`;
}

function timeOf(step, startedAt) {
  if (step.at === null) return '';
  const time = make('time', { datetime: new Date(step.at).toISOString(), title: clockTime(step.at) });
  time.textContent = step.step === 'received' ? clockTime(step.at) : `+${shortMs(Math.max(0, step.at - startedAt))}`;
  return time;
}

function stepItem(step, journey, words) {
  const sends = journey.steps.filter((other) => other.step === 'send').map((other) => other.detail);
  const title = make('h3', {}, titleOf(step, words, sends), timeOf(step, journey.steps[0].at));
  const told = TELL[step.step]?.(step, words) ?? step.reason ?? '';
  return make('li', { 'data-tone': toneOf(step) }, title, make('p', {}, told));
}

function showEnding(element, { ending }, words) {
  element.hidden = false;
  element.dataset.tone = toneOfEnding(ending?.kind ?? null);
  const reason = ending ? (words.reason[ending.reason] ?? ending.reason ?? '') : '';
  element.replaceChildren(make('strong', {}, words.ending[ending?.kind ?? 'none'] ?? ending.kind), make('span', {}, reason));
}

function showDurations(element, { durations }, words) {
  const known = Object.entries(words.duration).filter(([name]) => durations[name] !== null);
  element.hidden = known.length === 0;
  element.replaceChildren(...known.map(([name, word]) => make('div', {}, make('dt', {}, word), make('dd', {}, shortMs(durations[name])))));
}

/** Draws a journey into the page. `parts`: the elements about, ending, durations, steps and link. */
export function showJourney(parts, given) {
  const { journey, text, words } = given;
  parts.about.textContent = `“${text}”`;
  showEnding(parts.ending, journey, words);
  showDurations(parts.durations, journey, words);
  parts.steps.replaceChildren(...journey.steps.map((step) => stepItem(step, journey, words)));
  parts.link.hidden = false;
  parts.link.replaceChildren(`${words.apiHint} `, make('code', {}, `GET /v1/messages/${journey.id}`));
}

/** Nothing to show yet, or not any more: `note` says which. */
export function clearJourney(parts, note) {
  parts.about.textContent = note;
  for (const name of ['ending', 'durations', 'link']) parts[name].hidden = true;
  parts.steps.replaceChildren();
}
