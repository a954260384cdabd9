import { make, toneOfEnding } from './playground-journey.js';
import { shortMs } from './playground-words.js';

/** What a bubble of ours says about its fate. */
function fateOf(entry, words) {
  if (entry.trouble) return { text: words.again, tone: 'bad' };
  if (!entry.messageId) return { text: words.sending, tone: 'wait' };
  if (!entry.journey) return { text: words.travelling, tone: 'wait' };
  const { ending, durations } = entry.journey;
  if (!ending) return { text: words.travelling, tone: 'wait' };
  return { text: `${words.ending[ending.kind] ?? ending.kind} · ${shortMs(durations.totalMs)}`, tone: toneOfEnding(ending.kind) };
}

function mine(entry, { words, selected, onSelect, onAgain }) {
  const said = make('button', { type: 'button', class: 'said', 'aria-pressed': String(selected), title: words.details }, entry.text);
  said.addEventListener('click', () => onSelect(entry));
  const { text, tone } = fateOf(entry, words);
  const fate = make(entry.trouble ? 'button' : 'span', { class: 'fate', 'data-tone': tone }, text);
  if (entry.trouble) fate.addEventListener('click', () => onAgain(entry));
  return make('li', { class: 'bubble mine', 'data-selected': String(selected) }, said, fate);
}

const theirs = (entry) => make('li', { class: 'bubble' }, make('p', {}, entry.text));

/**
 * Draws the conversation. Bubbles that did not change stay as they are, so that a screen reader reads only what is
 * new and the focus stays where it was.
 */
export function createChat(parts) {
  let drawn = new Map();

  function bubble(entry, view) {
    const selected = entry === view.selected;
    const mark = JSON.stringify([view.words.send, selected, entry.messageId, entry.trouble, entry.journey?.ending, entry.journey?.durations.totalMs]);
    const before = drawn.get(entry.id);
    if (before?.mark === mark) return before;
    const item = entry.from === 'me' ? mine(entry, { ...view, selected }) : theirs(entry);
    const focused = before?.item.contains(document.activeElement) ?? false;
    before?.item.replaceWith(item);
    if (focused) item.querySelector('button')?.focus();
    return { item, mark };
  }

  return {
    draw(entries, view) {
      const atEnd = parts.log.scrollHeight - parts.log.scrollTop - parts.log.clientHeight < 80;
      const next = new Map(entries.map((entry) => [entry.id, bubble(entry, view)]));
      for (const [id, { item }] of drawn) if (!next.has(id)) item.remove();
      [...next.values()].forEach(({ item }, index) => {
        if (parts.messages.children[index] !== item) parts.messages.insertBefore(item, parts.messages.children[index] ?? null);
      });
      drawn = next;
      parts.hint.hidden = entries.length > 0;
      if (atEnd) this.toEnd();
    },
    toEnd() {
      parts.log.scrollTop = parts.log.scrollHeight;
    },
  };
}
