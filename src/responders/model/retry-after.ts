/** An endpoint that asks for more is asked again after this long all the same, ms: its mistake must not hold a conversation for ever. */
const LONGEST_MS = 3_600_000;

/**
 * How long the endpoint asks to be left alone, ms, 0 when it does not say: `retry-after-ms`, or `Retry-After` in seconds
 * or as an HTTP date (https://www.rfc-editor.org/rfc/rfc9110#field.retry-after). At most an hour.
 */
export function retryAfterMs(headers: Record<string, string>, now: number): number {
  const asked = milliseconds(headers['retry-after-ms'], 1) ?? milliseconds(headers['retry-after'], 1_000) ?? until(headers['retry-after'], now) ?? 0;
  return Math.min(Math.max(Math.ceil(asked), 0), LONGEST_MS);
}

function milliseconds(value: string | undefined, unitMs: number): number | undefined {
  return value !== undefined && /^\s*\d+(\.\d+)?\s*$/.test(value) ? Number(value) * unitMs : undefined;
}

function until(value: string | undefined, now: number): number | undefined {
  const at = value === undefined ? Number.NaN : Date.parse(value);
  return Number.isNaN(at) ? undefined : at - now;
}
