/**
 * The notes that Chatwoot leaves in a conversation say what happened in words of the account's language, and in nothing else. Read are
 * English, Spanish and Brazilian Portuguese; a note in another language, or of anything else (labels, priority, teams), tells nothing.
 * `conversations.activity` in https://github.com/chatwoot/chatwoot/tree/develop/config/locales
 */

/** Marked as pending, or resolved by anyone: the contact's next message then reopens it as pending. */
const GIVEN_BACK = [
  /^Conversation was (?:marked resolved|resolved|marked as pending) by /,
  /^(?:La )?conversación fue (?:marcada|marcada como resuelta|marcada como pendiente|resuelta) por /i,
  /^(?:A )?conversa foi (?:marcada como resolvida|marcada como pendente|resolvida) (?:por|pelo) /i,
];

/** Reopened by name. The note of an opening after a bot's failure is another one. */
const REOPENED = [/^Conversation was reopened by /, /^(?:La )?conversación fue reabierta por /i, /^(?:A )?conversa foi reaberta por /i];

/** What a note says of the status; null when nothing that we can read. */
export function statusIn(note: string): 'given_back' | 'reopened' | null {
  if (GIVEN_BACK.some((words) => words.test(note))) return 'given_back';
  return REOPENED.some((words) => words.test(note)) ? 'reopened' : null;
}

/** True for the note of a conversation's assignment to the person of this name. A team's reads alike, so the name decides. */
export function isAssignmentTo(name: string, note: string): boolean {
  const to = ['Assigned to', 'Asignado a', 'Atribuído a'].map((words) => `${words} ${name} `);
  const self = ['self-assigned', 'auto-asignado', 'atribuiu a si mesmo'].map((words) => `${name} ${words} `);
  return [...to, ...self].some((start) => note.startsWith(start));
}
