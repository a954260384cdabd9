import { z } from 'zod';

/** What the documentation and the messages say about a setting, beside its schema. */
export interface FieldNotes {
  /** One sentence for the operator. */
  about: string;
  /** `ms`, `days`, `bytes`... */
  unit?: string;
  /** Shown instead of the default, where the default depends on another setting. */
  defaultText?: string;
  /** Never printed. */
  secret?: boolean;
}

declare module 'zod' {
  interface GlobalMeta {
    notes?: FieldNotes;
  }
}

const noted = <S extends z.ZodType>(schema: S, notes: FieldNotes): S => schema.meta({ notes });

/** A whole number within bounds. */
export function whole(range: { min: number; max: number; fallback: number }, notes: FieldNotes) {
  const schema = z.int({ error: 'must be a whole number' }).min(range.min, `must be at least ${range.min}`).max(range.max, `must be at most ${range.max}`);
  return noted(schema.default(range.fallback), notes);
}

/** A whole number that may be left out. */
export function optionalWhole(range: { min: number; max: number }, notes: FieldNotes) {
  return noted(whole({ ...range, fallback: range.min }, notes).unwrap().optional(), notes);
}

/** A duration in milliseconds, up to a day. */
export function millis(range: { min: number; fallback: number; max?: number }, about: string) {
  return whole({ max: 86_400_000, ...range }, { about, unit: 'ms' });
}

export function flag(fallback: boolean, about: string) {
  return noted(z.boolean({ error: 'must be true or false' }).default(fallback), { about });
}

export function choice<const T extends readonly [string, ...string[]]>(values: T, fallback: T[number], about: string) {
  const schema = z.enum(values, { error: `must be one of: ${values.join(', ')}` });
  return noted(schema.default(fallback as never), { about });
}

export function text(fallback: string, notes: FieldNotes) {
  return noted(z.string({ error: 'must be text' }).min(1, 'must not be empty').default(fallback), notes);
}

/** Text that may be left out. */
export function optionalText(notes: FieldNotes) {
  return noted(z.string({ error: 'must be text' }).min(1, 'must not be empty').optional(), notes);
}

/** An http or https address without a trailing slash. */
export const address = z
  .url({ protocol: /^https?$/, error: 'must be an address that starts with http:// or https://' })
  .transform((value) => value.replace(/\/+$/, ''));

export function optionalAddress(about: string) {
  return noted(address.optional(), { about });
}

const numbersOf = (text: string): unknown[] => text.split(',').map((part) => (/^\s*\d+\s*$/.test(part) ? Number(part) : part));

/** Positive numbers: a list, or text with commas. */
export function numberList(about: string) {
  const numbers = z.array(z.int({ error: 'must be positive numbers with commas between them' }).positive('must be positive')).min(1);
  const schema = z.preprocess((value) => (typeof value === 'string' ? numbersOf(value) : value), numbers.optional());
  return noted(schema, { about });
}

export const notesOf = (schema: z.ZodType): FieldNotes => schema.meta()?.notes ?? { about: '' };
