import { closest, distance } from 'fastest-levenshtein';
import { z } from 'zod';
import { fileSchema } from './file.ts';

type Issue = z.core.$ZodIssue;

/** `orgs[0].channels[1].baseUrl` */
export function pathText(path: PropertyKey[]): string {
  return path.map((step) => (typeof step === 'number' ? `[${step}]` : `.${String(step)}`)).join('').replace(/^\./, '');
}

/** The name that was probably meant, when there is one near enough. */
export function didYouMean(name: string, known: string[]): string {
  if (known.length === 0) return '';
  const near = closest(name.toLowerCase(), known.map((key) => key.toLowerCase()));
  const meant = known.find((key) => key.toLowerCase() === near) as string;
  const allowed = Math.max(2, Math.floor(meant.length / 3));
  return distance(name.toLowerCase(), near) <= allowed ? `; did you mean "${meant}"?` : '';
}

function unwrapped(schema: z.core.$ZodType): z.core.$ZodType {
  return schema instanceof z.ZodOptional || schema instanceof z.ZodDefault ? unwrapped(schema.unwrap()) : schema;
}

function optionFor(union: z.ZodDiscriminatedUnion, value: unknown): z.core.$ZodType | undefined {
  const kind = (value as { kind?: unknown } | undefined)?.kind;
  return union.options.find((option) => option instanceof z.ZodObject && (option.shape as Record<string, unknown>).kind instanceof z.ZodLiteral && (option.shape as { kind: z.ZodLiteral }).kind.value === kind);
}

/** The keys that the schema knows at a place of the file. */
function knownKeys(path: PropertyKey[], file: unknown): string[] {
  let schema: z.core.$ZodType | undefined = fileSchema;
  let value: unknown = file;
  for (const step of path) {
    value = (value as Record<PropertyKey, unknown> | undefined)?.[step];
    schema = schema instanceof z.ZodArray ? unwrapped(schema.element) : schema instanceof z.ZodObject ? unwrapped(schema.shape[step as string] as z.core.$ZodType) : undefined;
    if (schema instanceof z.ZodDiscriminatedUnion) schema = optionFor(schema, value);
  }
  return schema instanceof z.ZodObject ? Object.keys(schema.shape) : [];
}

/** What is wrong with a config file, one line per problem. Values are never shown: any of them may be a secret. */
export function fileProblems(issues: Issue[], file: { name: string; value: unknown }): string[] {
  return issues.flatMap((issue) => {
    if (issue.code !== 'unrecognized_keys') return [`${pathText(issue.path) || 'the export'} (from ${file.name}) ${issue.message}.`];
    const known = knownKeys(issue.path, file.value);
    return issue.keys.map((key) => {
      const suggestion = didYouMean(key, known) || `. Known here: ${known.join(', ')}.`;
      return `${pathText([...issue.path, key])} (from ${file.name}) is not a known key${suggestion}`;
    });
  });
}
