import { REST_FAULT_KINDS, WEBHOOK_FAULT_KINDS } from './chatwoot/faults.ts';
import type { RestFault, WebhookFault } from './chatwoot/faults.ts';
import type { FaultRates } from './fault-plan.ts';
import { CHAT_FAULT_KINDS } from './openai/faults.ts';
import type { ChatFault } from './openai/faults.ts';

const KINDS = { rest: REST_FAULT_KINDS, webhook: WEBHOOK_FAULT_KINDS, openai: CHAT_FAULT_KINDS } as const;
type Place = keyof typeof KINDS;
const PLACES = Object.keys(KINDS) as Place[];

export interface FaultFlag {
  place: Place;
  kind: string;
  rate: number;
}

/**
 * `place.kind=rate`, or `kind=rate` when only one place has that kind. Returns what is wrong, as a sentence, when it is
 * neither.
 */
export function parseFaultRate(text: string): FaultFlag | string {
  const [, named, kind = '', number = ''] = /^(?:([a-z]+)\.)?([a-z0-9_]+)=(.+)$/.exec(text) ?? [];
  const rate = Number(number);
  if (kind === '' || !(rate >= 0 && rate <= 1)) return `give kind=rate with a rate from 0 to 1, not "${text}"`;
  const places = PLACES.filter((place) => (named === undefined || named === place) && has(place, kind));
  const [place] = places;
  if (place === undefined) return `no fault "${text}"; known: ${allKinds().join(', ')}`;
  if (places.length > 1) return `"${kind}" is ambiguous; say ${places.map((each) => `${each}.${kind}`).join(' or ')}`;
  return { place, kind, rate };
}

function has(place: Place, kind: string): boolean {
  return (KINDS[place] as readonly string[]).includes(kind);
}

function allKinds(): string[] {
  return PLACES.flatMap((place) => KINDS[place].map((kind) => `${place}.${kind}`));
}

export interface RatesByPlace {
  rest: FaultRates<RestFault>;
  webhook: FaultRates<WebhookFault>;
  openai: FaultRates<ChatFault>;
}

/** The last flag of a kind counts. */
export function ratesFrom(flags: FaultFlag[]): RatesByPlace {
  const rates: Record<Place, Record<string, number>> = { rest: {}, webhook: {}, openai: {} };
  for (const { place, kind, rate } of flags) rates[place][kind] = rate;
  return rates;
}
