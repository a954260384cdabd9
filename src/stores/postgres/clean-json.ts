import { cleanText } from '../../domain/message.ts';

/** What JSON makes of a NUL and of a lone surrogate: PostgreSQL takes neither as text (https://www.postgresql.org/docs/current/datatype-json.html). */
const UNCLEAN = /\\u(?:0000|d[89a-f])/;

const cleaned = (_key: string, value: unknown): unknown => (typeof value === 'string' ? cleanText(value) : value);

/** JSON that the database can read back as text, whatever a platform wrote. */
export function cleanJson(value: unknown): string {
  const text = JSON.stringify(value);
  return UNCLEAN.test(text) ? JSON.stringify(value, cleaned) : text;
}

/** The same for the parameters of a statement. */
export function cleanValues(values: unknown[]): unknown[] {
  return values.map((value) => {
    if (Array.isArray(value)) return cleanValues(value);
    return typeof value === 'string' ? cleanText(value) : value;
  });
}
