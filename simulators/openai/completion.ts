import type { ChatRequest } from './request.ts';

export interface Usage {
  prompt_tokens: number;
  completion_tokens: number;
  total_tokens: number;
}

export interface Completion {
  id: string;
  /** Epoch seconds. */
  created: number;
  model: string;
  text: string;
  usage: Usage;
}

/** About four characters a token: stable, which is all that tests need. */
export function countTokens(text: string): number {
  return Math.ceil(text.length / 4);
}

export function usageOf(request: ChatRequest, text: string): Usage {
  const promptTokens = request.messages.reduce((sum, message) => sum + countTokens(message.text) + 4, 0);
  const completionTokens = countTokens(text);
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
  };
}

/** https://platform.openai.com/docs/api-reference/chat/object */
export function completionBody({ id, created, model, text, usage }: Completion): Record<string, unknown> {
  const message = { role: 'assistant', content: text, refusal: null };
  const choices = [{ index: 0, message, logprobs: null, finish_reason: 'stop' }];
  return { id, object: 'chat.completion', created, model, choices, usage };
}

/** https://platform.openai.com/docs/api-reference/chat-streaming: the events of a stream, in order, as JSON texts. */
export function chunkEvents(completion: Completion, includeUsage: boolean): string[] {
  const chunk = (delta: object, finish: string | null): string =>
    event(completion, { choices: [{ index: 0, delta, finish_reason: finish }] });
  const pieces = completion.text.length > LONG ? slices(completion.text) : words(completion.text);
  return [
    chunk({ role: 'assistant', content: '' }, null),
    ...pieces.map((content) => chunk({ content }, null)),
    chunk({}, 'stop'),
    ...(includeUsage ? [event(completion, { choices: [], usage: completion.usage })] : []),
  ];
}

const LONG = 64 * 1024;

function words(text: string): string[] {
  return text.match(/\s*\S+\s*$|\s*\S+/g) ?? [];
}

/** A long text word by word would be mostly envelope. */
function slices(text: string): string[] {
  return Array.from({ length: Math.ceil(text.length / LONG) }, (_, index) => text.slice(index * LONG, (index + 1) * LONG));
}

function event({ id, created, model }: Completion, rest: object): string {
  return JSON.stringify({ id, object: 'chat.completion.chunk', created, model, ...rest });
}
