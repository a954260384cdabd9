import { createHash } from 'node:crypto';

const MESSAGE_TAG = /\[m:[^\]\s]+\]/g;

/** The tags (`[m:123]`) in a text, in order. */
export function tagsIn(text: string): string[] {
  return text.match(MESSAGE_TAG) ?? [];
}

/** What stands for a text in a reply: its tags, or `[h:<first 8 hex digits of its SHA-256>]` when it has none. */
export function digestOf(text: string): string[] {
  const tags = tagsIn(text);
  return tags.length > 0 ? tags : [`[h:${createHash('sha256').update(text).digest('hex').slice(0, 8)}]`];
}

/**
 * The default answer: a friendly sentence that carries the digest of every input, in order. Whoever sees it shown can
 * tell which messages it answers: `digestOf(input)` of each, and no other.
 */
export function defaultAnswer(inputs: string[]): string {
  return `Thanks for your message! I have read ${inputs.flatMap(digestOf).join(' ')} and I am glad to help.`;
}
