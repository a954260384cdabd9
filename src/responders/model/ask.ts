import type { Clock } from '../../domain/clock.ts';
import { ResponderError } from '../../domain/errors.ts';
import { cleanText } from '../../domain/message.ts';
import type { Usage } from '../../domain/turn.ts';
import type { Answer } from '../../ports/responder.ts';
import { failureOf, timedOut, tooLong } from './failure.ts';
import type { ModelSettings } from './options.ts';
import type { PromptMessage } from './prompt.ts';
import type { Sdk } from './sdk.ts';

interface Asking {
  sdk: Sdk;
  settings: ModelSettings;
  clock: Clock;
}

interface Prompt {
  instructions: string;
  messages: PromptMessage[];
}

type Stream = ReturnType<Sdk['streamText']>['stream'];

/** One streamed request, gathered into an answer. */
export async function askModel(asking: Asking, prompt: Prompt, signal: AbortSignal): Promise<Answer> {
  const ours = new AbortController();
  const firstChunk = startFirstChunkTimer(asking, ours);
  try {
    const stream = startStream(asking, prompt, AbortSignal.any([signal, ours.signal]));
    return await gather(stream, asking.settings, firstChunk);
  } catch (error) {
    throw failureOf(ours.signal.aborted ? ours.signal.reason : error, { signal, clock: asking.clock });
  } finally {
    firstChunk.abort();
    // Frees the connection when the stream was left before its end; nothing happens otherwise.
    ours.abort();
  }
}

function startStream({ sdk, settings }: Asking, prompt: Prompt, abortSignal: AbortSignal): Stream {
  const { totalMs, idleMs, temperature, maxOutputTokens } = settings;
  return sdk.streamText({
    model: sdk.model,
    ...prompt,
    temperature,
    maxOutputTokens,
    abortSignal,
    maxRetries: 0,
    timeout: { totalMs, chunkMs: idleMs },
    telemetry: { isEnabled: false, recordInputs: false, recordOutputs: false },
    // The default prints the error, prompt included. The same error comes as a part of the stream.
    onError: () => undefined,
  }).stream;
}

/**
 * The SDK's own first-chunk timer starts when the response headers are there, so it misses an endpoint that takes the
 * request and stays silent. Abort the returned controller when the first chunk came.
 */
function startFirstChunkTimer({ settings, clock }: Asking, ours: AbortController): AbortController {
  const came = new AbortController();
  clock.sleep(settings.firstChunkMs, came.signal).then(
    () => ours.abort(timedOut(`the model sent nothing for ${settings.firstChunkMs} ms`)),
    // Sleeping only fails when it is aborted: the chunk came.
    () => undefined,
  );
  return came;
}

async function gather(stream: Stream, settings: ModelSettings, firstChunk: AbortController): Promise<Answer> {
  let text = '';
  let bytes = 0;
  let model = settings.model;
  for await (const part of stream) {
    if (part.type === 'text-delta' || part.type === 'reasoning-delta') firstChunk.abort();
    if (part.type === 'error') throw part.error;
    if (part.type === 'abort') throw timedOut(`the model was silent for ${settings.idleMs} ms or took over ${settings.totalMs} ms in all`);
    if (part.type === 'finish-step') model = part.response.modelId;
    if (part.type === 'finish') {
      checkFinish(part);
      return { text: checkedText(text), model, ...usageOf(part.totalUsage) };
    }
    if (part.type !== 'text-delta') continue;
    bytes += Buffer.byteLength(part.text);
    if (bytes > settings.maxBytes) throw tooLong(settings.maxBytes);
    text += part.text;
  }
  throw new ResponderError('model_bad_response', 'the stream ended before the answer was complete');
}

/** Only an answer that the model itself ended is one. Endpoints have words of their own for that: any but these will do. */
function checkFinish({ finishReason, rawFinishReason }: { finishReason: string; rawFinishReason: string | undefined }): void {
  if (finishReason === 'length') throw new ResponderError('model_too_long', 'the model reached its limit of tokens before the end of the answer');
  if (finishReason === 'tool-calls') throw new ResponderError('model_bad_response', 'the model called a tool, and it was given none');
  // A refusal also maps to `content-filter`, but the model itself ended it: it is an answer.
  if (rawFinishReason === 'content_filter') throw new ResponderError('model_filtered', "the endpoint's content filter cut the answer off");
  if (finishReason === 'error' || rawFinishReason === undefined || rawFinishReason === 'error') {
    throw new ResponderError('model_bad_response', 'the stream ended before the answer was complete');
  }
}

function checkedText(text: string): string {
  const clean = cleanText(text).trim();
  if (clean === '') throw new ResponderError('model_empty', 'the model answered without text');
  return clean;
}

/** The provider's own numbers, or none: guessed ones would be taken for a bill. */
function usageOf({ inputTokens, outputTokens }: { inputTokens: number | undefined; outputTokens: number | undefined }): { usage?: Usage } {
  return inputTokens === undefined || outputTokens === undefined ? {} : { usage: { inputTokens, outputTokens } };
}
