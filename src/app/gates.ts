import { createHash } from 'node:crypto';
import type { ResponderConfig } from '../config/index.ts';
import type { ChannelId } from '../domain/ids.ts';
import type { Gate } from '../ports/gate.ts';
import type { Service } from '../ports/service.ts';
import type { Meter } from '../ports/telemetry.ts';
import type { BreakerDeps } from './breaker.ts';
import type { BreakerView } from './breakers.ts';
import { CallGate } from './gate.ts';

/** Every process knows of an opened breaker within a second: it asks this often, ms. */
const SYNC_MS = 500;
/** A provider that nobody called for so long says nothing about how much there is room for, ms. */
const RECENT_MS = 60_000;

const STATES = { closed: 0, half_open: 0.5, open: 1 } as const;

/** Tells two credentials apart without telling them. */
const fingerprint = (...parts: (string | null)[]): string => createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 8);

/** One provider, model and credential; null: nothing that could be in trouble by itself. */
function modelName(config: ResponderConfig): string | null {
  if (config.kind !== 'model') return null;
  const { model, baseUrl, apiKey } = config;
  return `model ${URL.parse(baseUrl)?.host ?? 'unknown'} ${model} #${fingerprint(baseUrl, model, apiKey)}`;
}

/** The gates of this process, made when first needed; the same name is the same gate, whatever is configured anew. */
export class Gates {
  readonly #deps: BreakerDeps & { meter: Meter };
  readonly #gates = new Map<string, CallGate>();

  constructor(deps: BreakerDeps & { meter: Meter }) {
    this.#deps = deps;
  }

  responder(config: ResponderConfig): Gate | null {
    const name = modelName(config);
    return name === null ? null : this.#gate(name, true);
  }

  channel(id: ChannelId): Gate {
    return this.#gate(`channel ${id}`, false);
  }

  views(): BreakerView[] {
    return [...this.#gates.values()].map(({ breaker }) => breaker.view);
  }

  /** Calls at once that the providers in use take together; null: none is in use. */
  room(): number | null {
    const now = this.#deps.clock.monotonic();
    const limits = [...this.#gates.values()].filter((gate) => gate.lastCallAt > now - RECENT_MS).flatMap((gate) => gate.limit ?? []);
    return limits.length > 0 ? limits.reduce((sum, limit) => sum + limit, 0) : null;
  }

  /** Learns what other processes found out, and shows what is known. */
  service(): Service {
    return { name: 'breakers', intervalMs: SYNC_MS, runOnce: () => this.#sync() };
  }

  async #sync(): Promise<void> {
    if (this.#gates.size === 0) return;
    const readAt = this.#deps.clock.monotonic();
    const shared = new Map((await this.#deps.board.list()).map((one) => [one.name, one]));
    for (const gate of this.#gates.values()) {
      gate.breaker.adopt(shared.get(gate.name) ?? null, readAt);
      this.#show(gate);
    }
  }

  #show({ breaker: { view }, limit, inFlight }: CallGate): void {
    const labels = { name: view.name };
    this.#deps.meter.gauge('breaker_state', labels, STATES[view.state]);
    if (limit === null) return;
    this.#deps.meter.gauge('provider_limit', labels, limit);
    this.#deps.meter.gauge('provider_in_flight', labels, inFlight);
  }

  #gate(name: string, isAdaptive: boolean): CallGate {
    const known = this.#gates.get(name) ?? new CallGate(name, this.#deps, { isAdaptive });
    this.#gates.set(name, known);
    return known;
  }
}
