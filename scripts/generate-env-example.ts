/** Writes .env.example from the schema: `node scripts/run.mjs scripts/generate-env-example.ts`. A test fails when the two differ. */
import { writeFileSync } from 'node:fs';
import { z } from 'zod';
import { notesOf } from '../src/config/field.ts';
import { GROUPS } from '../src/config/settings.ts';

const WIDTH = 120;

const HEAD = `# Every setting of Chasqui, as its default. All are optional. Copy this file to .env and take the # away from what you change.
# For docker run --env-file, compose and kubectl create secret --from-env-file, so values have no quotes and no comment behind them.
# Chasqui itself reads no .env file. Without a container: node --env-file=.env dist/main.js
`;

function innermost(schema: z.core.$ZodType): z.core.$ZodType {
  return schema instanceof z.ZodDefault || schema instanceof z.ZodOptional ? innermost(schema.unwrap()) : schema;
}

/** `1 to 65535`, `one of: a, b`: what may stand there, when that is not any text. */
function valuesText(schema: z.ZodType): string {
  const inner = innermost(schema);
  if (inner instanceof z.ZodNumber) return `${inner.minValue} to ${inner.maxValue}`;
  if (inner instanceof z.ZodEnum) return `one of: ${inner.options.join(', ')}`;
  return inner instanceof z.ZodBoolean ? 'true or false' : '';
}

function notesText(schema: z.ZodType): string {
  const { unit, secret, defaultText } = notesOf(schema);
  const values = [valuesText(schema), unit].filter(Boolean).join(' ');
  const notes = [values, defaultText && `default ${defaultText}`, secret && 'secret'].filter(Boolean);
  return notes.length > 0 ? ` (${notes.join('; ')})` : '';
}

/** Comment lines of limited width. Backticks mean nothing here. */
function comment(text: string): string {
  const lines = [''];
  for (const word of text.replaceAll('`', '').split(' ')) {
    const line = lines.at(-1) as string;
    if (line.length + word.length + 3 > WIDTH) lines.push(word);
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`;
  }
  return lines.map((line) => `# ${line}\n`).join('');
}

function settingText(name: string, schema: z.ZodType): string {
  const value = schema instanceof z.ZodDefault ? String(schema.def.defaultValue) : '';
  return `${comment(notesOf(schema).about + notesText(schema))}#${name}=${value}\n`;
}

/** The whole file. */
export function renderEnvExample(): string {
  const groups = Object.entries(GROUPS).map(([title, fields]) => {
    const settings = Object.entries(fields as Record<string, z.ZodType>).map(([name, schema]) => settingText(name, schema));
    return `\n# ---- ${title} ----\n\n${settings.join('\n')}`;
  });
  return HEAD + groups.join('');
}

if (import.meta.main) writeFileSync(new URL('../.env.example', import.meta.url), renderEnvExample());
