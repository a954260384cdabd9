import type { BotMessage } from '../../simulators/chatwoot/ledger.ts';
import { tagsIn } from '../../simulators/openai/index.ts';
import type { ChatRequest } from '../../simulators/openai/index.ts';
import { say } from '../../src/domain/catalogue/index.ts';

const LONG_PARTS = 3;
const PADDING = ' lorem ipsum dolor sit amet'.repeat(14);

/**
 * The simulated model: each answer has a number of its own and proves which messages it was given. A question with `[long]` gets one in
 * three paragraphs, each a part of its own.
 */
export function numberedAnswers(): (request: ChatRequest) => string {
  let answers = 0;
  return ({ inputs }) => {
    answers += 1;
    const parts = inputs.some((input) => input.includes('[long]')) ? LONG_PARTS : 1;
    const tags = inputs.flatMap(tagsIn).join(' ');
    return Array.from({ length: parts }, (_, index) => {
      const head = `[r:${answers} ${index + 1}/${parts}]`;
      return parts === 1 ? `${head} I have read ${tags}` : `${head} ${index === 0 ? `I have read ${tags}` : 'and'}${PADDING}`;
    }).join('\n\n');
  };
}

/** What the contact sees of the bot, understood. */
export type Shown = { conversation: number; at: number } & (
  | { kind: 'answer'; answer: number; part: number; of: number; tags: string[] }
  | { kind: 'apology' | 'apology_crashed' }
  | { kind: 'strange'; text: string }
);

const APOLOGIES = new Map(
  (['apology', 'apology_crashed'] as const).flatMap((key) => ['en', 'es'].map((locale) => [say(key, locale), key] as const)),
);

export function shown({ conversation, at, content }: BotMessage): Shown {
  const apology = APOLOGIES.get(content);
  if (apology) return { conversation, at, kind: apology };
  const [, answer, part, of] = /^\[r:(\d+) (\d+)\/(\d+)\]/.exec(content) ?? [];
  if (answer === undefined) return { conversation, at, kind: 'strange', text: content };
  return { conversation, at, kind: 'answer', answer: Number(answer), part: Number(part), of: Number(of), tags: tagsIn(content) };
}
