/** What the page is told: a part of a reply, or that the bot is typing. */
export type PlaygroundEvent =
  | { type: 'message'; key: string; text: string; at: number }
  | { type: 'typing'; on: boolean };

type Said = Extract<PlaygroundEvent, { type: 'message' }>;
type Listener = (event: PlaygroundEvent) => void;

const MAX_CONVERSATIONS = 500;
const MAX_ENTRIES = 200;

/** Follows what the bot says in a conversation of the playground. */
export interface PlaygroundHub {
  /** What was said so far, oldest first: the last 200 entries of the last 500 conversations. */
  transcript(conversation: string): readonly Said[];
  /** Returns how to stop listening. */
  subscribe(conversation: string, listener: Listener): () => void;
}

export interface Transcripts extends PlaygroundHub {
  /** Adds the entry, unless its key is there already. */
  say(conversation: string, entry: Said): void;
  emit(conversation: string, event: PlaygroundEvent): void;
}

/** The platform that the playground talks to: this process's memory. */
export function createTranscripts(): Transcripts {
  const said = new Map<string, Map<string, Said>>();
  const listeners = new Map<string, Set<Listener>>();

  /** The entries of a conversation, which becomes the youngest; the oldest one goes when there are too many. */
  function touch(conversation: string): Map<string, Said> {
    const entries = said.get(conversation) ?? new Map<string, Said>();
    said.delete(conversation);
    said.set(conversation, entries);
    dropOldest(said, MAX_CONVERSATIONS);
    return entries;
  }

  const emit = (conversation: string, event: PlaygroundEvent): void => {
    for (const listener of listeners.get(conversation) ?? []) listener(event);
  };

  return {
    emit,
    say: (conversation, entry) => {
      const entries = touch(conversation);
      if (entries.has(entry.key)) return;
      entries.set(entry.key, entry);
      dropOldest(entries, MAX_ENTRIES);
      emit(conversation, entry);
    },
    transcript: (conversation) => [...(said.get(conversation)?.values() ?? [])],
    subscribe: (conversation, listener) => {
      const set = listeners.get(conversation) ?? new Set();
      listeners.set(conversation, set.add(listener));
      return () => {
        set.delete(listener);
        if (set.size === 0 && listeners.get(conversation) === set) listeners.delete(conversation);
      };
    },
  };
}

function dropOldest(map: Map<string, unknown>, max: number): void {
  if (map.size <= max) return;
  for (const oldest of map.keys()) {
    map.delete(oldest);
    return;
  }
}
