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

/** The responder that a channel's settings describe. Throws ConfigError when they cannot be used. */
export function buildResponder(config: ResponderConfig, settings: Settings, clock: Clock): BuiltResponder {
  switch (config.kind) {
    case 'script':
      return light(createScriptResponder({}, { clock }));
    case 'function':
      return light(fromFunction(config.name, config.respond));
    case 'model': {
      const { model, baseUrl, apiKey, system } = config;
      const limits = {
        totalMs: settings.workerProcessingTimeoutMs,
        firstChunkMs: settings.modelFirstChunkMs,
        idleMs: settings.modelIdleMs,
        maxBytes: settings.modelMaxBytes,
      };
      const responder = createModelResponder({ model, baseUrl, ...(apiKey !== null && { apiKey }), ...(system !== null && { system }), ...limits }, { clock });
      return { responder, warm: () => responder.warm() };
    }
  }
}
