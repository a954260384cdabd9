import { createChat } from './playground-chat.js';
import { clearJourney, make, showJourney } from './playground-journey.js';
import { languages } from './playground-words.js';

const KEEP = 100;
const TYPING_MS = 10_000;
const POLL_MS = [120, 200, 350, 600, 1000, 1500, 2500];

const parts = Object.fromEntries([...document.querySelectorAll('[id]')].map((element) => [element.id, element]));
const chat = createChat(parts);

const state = { ...restore(), selected: null, typing: 0, stream: null };

function fresh() {
  return { conversation: `web-${crypto.getRandomValues(new Uint32Array(2)).join('-')}`, entries: [] };
}

/** One conversation per tab; it survives a reload. */
function restore() {
  const language = localStorage.getItem('language') ?? (navigator.language.startsWith('es') ? 'es' : 'en');
  const stored = JSON.parse(sessionStorage.getItem('chat') ?? 'null') ?? fresh();
  return { ...stored, language: language in languages ? language : 'en' };
}

function keep() {
  state.entries = state.entries.slice(-KEEP);
  const { conversation, entries } = state;
  sessionStorage.setItem('chat', JSON.stringify({ conversation, entries }));
}

const words = () => languages[state.language];

// Drawing ------------------------------------------------------------------------------------------------------------

function draw() {
  const view = { words: words(), selected: state.selected, onSelect: select, onAgain: post };
  chat.draw(state.entries, view);
  drawJourney();
}

/** Only when something changed, so that a screen reader does not hear the same ending at every look. */
function drawJourney() {
  const entry = state.selected;
  const mark = JSON.stringify([state.language, entry?.id, entry?.journey, entry?.trouble, entry?.gone]);
  if (mark === state.drawnJourney) return;
  state.drawnJourney = mark;
  if (entry?.journey) showJourney(parts, { journey: entry.journey, text: entry.text, words: words() });
  else clearJourney(parts, entry ? (entry.trouble ?? (entry.gone ? words().gone : words().sending)) : words().journeyHint);
}

function drawWords() {
  document.documentElement.lang = state.language;
  for (const element of document.querySelectorAll('[data-word]')) element.textContent = words()[element.dataset.word];
  for (const button of parts.languages.children) button.setAttribute('aria-pressed', String(button.dataset.language === state.language));
  parts.languages.setAttribute('aria-label', words().languages);
  parts.views.setAttribute('aria-label', words().views);
  parts.text.placeholder = words().write;
  parts.chips.replaceChildren(...words().chips.map(chip));
  drawPresence(parts.presence.dataset.state ?? 'off');
  draw();
}

function chip(text) {
  const button = make('button', { type: 'button' }, text);
  button.addEventListener('click', () => say(text));
  return button;
}

function drawPresence(presence) {
  parts.presence.dataset.state = presence;
  parts.presence.textContent = words()[presence];
}

function show(view) {
  document.body.dataset.view = view;
  for (const button of parts.views.children) button.setAttribute('aria-pressed', String(button.dataset.show === view));
  if (view === 'chat') chat.toEnd();
}

function select(entry) {
  state.selected = entry;
  draw();
  show('journey');
}

function drawTyping(on) {
  clearTimeout(state.typing);
  parts.typing.hidden = !on;
  if (!on) return;
  state.typing = setTimeout(() => drawTyping(false), TYPING_MS);
  chat.toEnd();
}

// Talking ------------------------------------------------------------------------------------------------------------

function say(text) {
  if (text.trim() === '') return;
  const entry = { from: 'me', id: crypto.getRandomValues(new Uint32Array(2)).join('-'), text: text.trim() };
  state.entries.push(entry);
  state.selected = entry;
  draw();
  chat.toEnd();
  void post(entry);
}

/** Sent again under the same id, it is the same message: the server knows it by that. */
async function post(entry) {
  entry.trouble = undefined;
  draw();
  try {
    const body = JSON.stringify({ conversation: state.conversation, text: entry.text, locale: state.language, id: entry.id });
    const answer = await fetch('webhooks/playground', { method: 'POST', headers: { 'content-type': 'application/json' }, body });
    const told = await answer.json();
    if (answer.ok) entry.messageId = told.messageIds[0];
    else entry.trouble = `${words().notStored}: ${told.detail}`;
  } catch {
    entry.trouble = `${words().notStored}: ${words().unreachable}`;
  }
  keep();
  draw();
  if (entry.messageId) void follow(entry);
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const onItsWay = (entry) => entry.from === 'me' && entry.messageId && !entry.gone && !entry.journey?.ending;

/** Asks for the journey until it has an ending; each answer first, then the next question. */
async function follow(entry) {
  for (let n = 0; onItsWay(entry) && state.entries.includes(entry); n++) {
    await refresh(entry);
    await pause(POLL_MS[Math.min(n, POLL_MS.length - 1)]);
  }
}

async function refresh(entry) {
  try {
    const answer = await fetch(`playground/messages/${entry.messageId}`);
    if (answer.ok) entry.journey = await answer.json();
    else if (answer.status === 404) entry.gone = true;
  } catch {
    drawPresence('off');
  }
  keep();
  draw();
}

function hear(event) {
  const { key, text, at } = JSON.parse(event.data);
  drawTyping(false);
  if (!state.entries.some((entry) => entry.id === key)) {
    state.entries.push({ from: 'bot', id: key, text, at });
    keep();
    draw();
  }
  for (const entry of state.entries.filter(onItsWay)) void refresh(entry);
}

function listen() {
  state.stream?.close();
  state.stream = new EventSource(`playground/events?conversation=${encodeURIComponent(state.conversation)}`);
  state.stream.addEventListener('open', () => drawPresence('on'));
  state.stream.addEventListener('error', () => drawPresence('off'));
  state.stream.addEventListener('message', hear);
  state.stream.addEventListener('typing', (event) => drawTyping(JSON.parse(event.data).on));
}

// Wiring -------------------------------------------------------------------------------------------------------------

function submit(event) {
  event.preventDefault();
  say(parts.text.value);
  parts.text.value = '';
  parts.text.focus();
}

parts.composer.addEventListener('submit', submit);
parts.text.addEventListener('keydown', (event) => {
  if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) submit(event);
});
parts.fresh.addEventListener('click', () => {
  Object.assign(state, fresh(), { selected: null });
  keep();
  drawTyping(false);
  draw();
  listen();
  show('chat');
  parts.text.focus();
});
parts.languages.addEventListener('click', ({ target }) => {
  if (!target.dataset.language) return;
  state.language = target.dataset.language;
  localStorage.setItem('language', state.language);
  drawWords();
});
parts.views.addEventListener('click', ({ target }) => target.dataset.show && show(target.dataset.show));

state.selected = state.entries.findLast((entry) => entry.from === 'me') ?? null;
drawWords();
show('chat');
listen();
for (const entry of state.entries.filter(onItsWay)) void follow(entry);
parts.text.focus();
