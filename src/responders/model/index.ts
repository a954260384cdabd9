/**
 * The responder that asks a language model, over any endpoint that speaks OpenAI's chat completions
 * (https://platform.openai.com/docs/api-reference/chat/create), through the AI SDK (https://ai-sdk.dev/docs).
 */
import type { Clock } from '../../domain/clock.ts';
import type { Answer, Responder } from '../../ports/responder.ts';
import { askModel } from './ask.ts';
import { failureOf } from './failure.ts';
import { withDefaults } from './options.ts';
import type { ModelOptions } from './options.ts';
import { instructionsFor, messagesFor } from './prompt.ts';
import { loadSdk } from './sdk.ts';
import type { Sdk } from './sdk.ts';

export type { ModelOptions } from './options.ts';

export interface ModelDeps {
  clock: Clock;
}

export interface ModelResponder extends Responder {
  /** Loads the SDK, so that the first turn does not wait for it. Makes no request. */
  warm(): Promise<void>;
}

/**
 * One request per answer, never retried here: retries belong to the job. A truncated or broken stream is an error, not a
 * shorter answer. Neither the prompt nor the answer is logged or traced.
 *
 * @throws ConfigError for options that cannot be used. The responder throws ResponderError `model_rate_limited`,
 *   `model_auth`, `model_http_<status>`, `model_unreachable`, `model_timeout`, `model_empty`, `model_too_long`,
 *   `model_filtered`, `model_bad_response` or `model_aborted`; its `retryAfterMs` is the endpoint's, if it gave one.
 */
export function createModelResponder(options: ModelOptions, deps: ModelDeps): ModelResponder {
  const settings = withDefaults(options);
  let loading: Promise<Sdk> | null = null;
  const load = (): Promise<Sdk> => (loading ??= loadSdk(settings));
  return {
    name: 'model',
    async warm() {
      await load();
    },
    async respond(question, signal): Promise<Answer> {
      const messages = messagesFor(question);
      if (messages.length === 0) return { text: '' };
      if (signal.aborted) throw failureOf(signal.reason, { signal, clock: deps.clock });
      const prompt = { instructions: instructionsFor(settings.system, question.locale), messages };
      return askModel({ sdk: await load(), settings, clock: deps.clock }, prompt, signal);
    },
  };
}
