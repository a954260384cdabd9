import type { JsonObject } from '../http-server.ts';

export interface ChatMessage {
  role: string;
  text: string;
}

export interface ChatRequest {
  model: string;
  messages: ChatMessage[];
  stream: boolean;
  includeUsage: boolean;
  /** Texts of the user's messages since the assistant last spoke: what this call is asked to answer. */
  inputs: string[];
}

/** The request, or what is wrong with it. */
export function parseChatRequest(body: JsonObject): ChatRequest | string {
  const { model, messages, stream, stream_options: streamOptions } = body;
  if (typeof model !== 'string') return 'you must provide a model parameter';
  if (!Array.isArray(messages) || messages.length === 0) return "'messages' must be a non-empty array";
  const parsed = messages.map(chatMessage);
  const bad = parsed.indexOf(null);
  if (bad >= 0) return `'messages[${bad}]' needs a role and a text content`;
  const known = parsed.filter((message) => message !== null);
  const spoke = known.findLastIndex((message) => message.role === 'assistant');
  const inputs = known.slice(spoke + 1).filter((message) => message.role === 'user');
  return {
    model,
    messages: known,
    stream: stream === true,
    includeUsage: isObject(streamOptions) && streamOptions['include_usage'] === true,
    inputs: inputs.map((message) => message.text),
  };
}

function chatMessage(value: unknown): ChatMessage | null {
  if (!isObject(value) || typeof value['role'] !== 'string') return null;
  const { role, content } = value;
  if (typeof content === 'string') return { role, text: content };
  if (content === null || content === undefined) return { role, text: '' };
  if (!Array.isArray(content)) return null;
  const texts = content.map((part) => (isObject(part) && typeof part['text'] === 'string' ? part['text'] : ''));
  return { role, text: texts.join('') };
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
