import type { LanguageModel, streamText } from 'ai';
import { cappedFetch } from './capped-fetch.ts';
import type { ModelSettings } from './options.ts';

/** What the responder needs of the SDK. */
export interface Sdk {
  streamText: typeof streamText;
  model: LanguageModel;
}

/** A piece of text comes wrapped in an event of a few hundred bytes, so the wire carries many times the answer. */
const WIRE_FACTOR = 100;

/** However long answers may be, no more than this on top of them, bytes. */
const WIRE_EXTRA = 64 * 2 ** 20;

const wireBytes = (maxBytes: number): number => Math.min(maxBytes * WIRE_FACTOR, maxBytes + WIRE_EXTRA);

/**
 * Imported when first needed: the SDK costs 100 ms and 30 MB (Node 24, two cores), as much as the rest of a start. The model is always an object: a plain
 * string would be sent to the SDK vendor's gateway.
 */
export async function loadSdk(settings: ModelSettings): Promise<Sdk> {
  const [{ streamText }, { createOpenAICompatible }] = await Promise.all([import('ai'), import('@ai-sdk/openai-compatible')]);
  const provider = createOpenAICompatible({
    name: 'model',
    baseURL: settings.baseUrl,
    includeUsage: true,
    fetch: cappedFetch(wireBytes(settings.maxBytes)),
    ...(settings.apiKey ? { apiKey: settings.apiKey } : {}),
  });
  return { streamText, model: provider.chatModel(settings.model) };
}
