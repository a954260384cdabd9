import type { Meter } from '../ports/telemetry.ts';

/** Counts one answered request. `endpoint` is the route's pattern, so that its values stay few. */
export type CountRequest = (endpoint: string | undefined, method: string, answer: { status: number; ms: number }) => void;

/** Label objects are made once per combination: this runs for every webhook. */
export function createRequestMeter(meter: Meter): CountRequest {
  const labels = new Map<string, Record<string, string>>();

  function labelsOf(endpoint: string, method: string, status: number): Record<string, string> {
    const key = `${method} ${status} ${endpoint}`;
    let known = labels.get(key);
    if (!known) {
      known = { endpoint, method, status: String(status) };
      labels.set(key, known);
    }
    return known;
  }

  return (endpoint = 'unmatched', method, { status, ms }) => {
    const set = labelsOf(endpoint, method, status);
    meter.count('api_request_count', set);
    meter.observe('api_request_duration_seconds', set, ms / 1000);
  };
}
