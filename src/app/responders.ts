import type { ResponderConfig, Settings } from '../config/index.ts';
import type { Clock } from '../domain/clock.ts';
import type { Responder } from '../ports/responder.ts';
import { fromFunction } from '../responders/function/index.ts';
import { createModelResponder } from '../responders/model/index.ts';
import { createScriptResponder } from '../responders/script/index.ts';

export interface BuiltResponder {
  responder: Responder;
  /** Loads what is heavy, so that the first turn does not wait for it. */
  warm(): Promise<void>;
}

const light = (responder: Responder): BuiltResponder => ({ responder, warm: async () => {} });

/** Everything that {@link buildResponder} needs to know. */
export function responderPlan(config: ResponderConfig, settings: Settings) {
  if (config.kind !== 'model') return config;
  const { kind, model, baseUrl, apiKey, system } = config;
  const limits = {
    totalMs: settings.workerProcessingTimeoutMs,
    firstChunkMs: settings.modelFirstChunkMs,
    idleMs: settings.modelIdleMs,
    maxBytes: settings.modelMaxBytes,
  };
  return { kind, options: { model, baseUrl, ...(apiKey !== null && { apiKey }), ...(system !== null && { system }), ...limits } };
}

/** The responder that a channel's settings describe. Throws ConfigError when they cannot be used. */
export function buildResponder(plan: ReturnType<typeof responderPlan>, clock: Clock): BuiltResponder {
  switch (plan.kind) {
    case 'script':
      return light(createScriptResponder({}, { clock }));
    case 'function':
      return light(fromFunction(plan.name, plan.respond));
    case 'model': {
      const responder = createModelResponder(plan.options, { clock });
      return { responder, warm: () => responder.warm() };
    }
  }
}
