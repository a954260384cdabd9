/** Writes docs/settings.md from the schema: `npm run docs:settings`. A test fails when the two differ. */
import { writeFileSync } from 'node:fs';
import { z } from 'zod';
import { notesOf } from '../src/config/field.ts';
import { LIVE_SETTINGS } from '../src/config/live.ts';
import { GROUPS, TALK, fileKey } from '../src/config/settings.ts';
import type { SettingName } from '../src/config/settings.ts';

const HEAD = `# Settings

Generated from the schema in \`src/config/settings.ts\` (\`npm run docs:settings\`). All are optional.

Each setting is an environment variable, and under its name in camel case a key of \`chasqui.config.ts\`. Where several say something, the first of
these wins: flags, environment, file, default. An empty variable is not set. \`chasqui config print\` (\`--json\`) shows every value and where it came
from, without secrets. An unknown key in the file is an error with a suggestion. What is marked *live* counts without a restart when the file is
read again ([configuration.md](configuration.md#without-a-restart)).

## The file

\`\`\`ts
import { defineConfig } from 'chasqui';

export default defineConfig({
  localQueueConcurrency: 10,
  responder: { kind: 'model', model: 'gpt-5-mini', apiKey: { env: 'OPENAI_API_KEY' }, system: 'You answer for a bicycle shop.' },
  orgs: [
    {
      id: 'acme',
      locale: 'es',
      burstDebounceMs: 1000,
      channels: [
        {
          kind: 'chatwoot',
          id: 'acme-chat',
          baseUrl: 'https://chat.acme.example',
          accountId: 1,
          apiToken: { env: 'ACME_BOT_TOKEN' },
          webhookSecret: { env: 'ACME_WEBHOOK_SECRET' },
          readToken: { env: 'ACME_READ_TOKEN' },
        },
        { kind: 'playground', id: 'acme-demo', responder: { kind: 'script' } },
      ],
    },
  ],
});
\`\`\`

- \`orgs[].channels[]\`: \`kind\` (\`chatwoot\`, \`playground\`), an \`id\` that no other channel has, and what the kind needs. Webhooks go to
  \`/webhooks/{kind}/chn_{id}\`.
- Secrets are text, or better \`{ env: 'NAME' }\`, the environment variable that holds them, or \`{ file: '/run/secrets/name' }\`, the file that does.
- \`responder\` (\`model\`, \`script\`, or \`{ kind: 'function', respond: async (question) => 'text' }\`), \`locale\` and the settings under *Conversations*
  may be set for everything, for an org, or for a channel; the nearest wins, also over the environment, which speaks for the whole process.
- \`orgs[].weight\` (1): turns that the org gets for each turn of an org of weight 1, while both have messages waiting. \`orgs[].maxConcurrency\`: its
  turns at once, over all processes; \`ORG_MAX_CONCURRENCY\` when left out, 0 for no cap.
- \`CHATWOOT_*\` in the environment make one org \`org_default\` with the channel \`chn_chatwoot\`, beside the orgs of the file. With neither, \`org_default\`
  has the playground.
- \`OPENAI_MODEL\` with \`OPENAI_API_KEY\` or \`OPENAI_BASE_URL\` makes the model answer wherever no \`responder\` is set; otherwise the offline script answers.
- With \`REDIS_URL\` (or \`REDIS_HOST\`) processes wake each other through Redis, until \`chasqui migrate-engine\` decides otherwise for all of them.
`;

function innermost(schema: z.core.$ZodType): z.core.$ZodType {
  if (schema instanceof z.ZodDefault || schema instanceof z.ZodOptional) return innermost(schema.unwrap());
  return schema;
}

function rangeText(schema: z.ZodType): string {
  const inner = innermost(schema);
  if (inner instanceof z.ZodNumber) return `${inner.minValue} – ${inner.maxValue}`;
  if (inner instanceof z.ZodEnum) return inner.options.map((option) => `\`${option}\``).join(', ');
  if (inner instanceof z.ZodBoolean) return '`true`, `false`';
  return '';
}

function defaultText(schema: z.ZodType): string {
  const given = notesOf(schema).defaultText;
  if (given) return given;
  return schema instanceof z.ZodDefault ? `\`${String(schema.def.defaultValue)}\`` : '–';
}

function settingRow(name: string, schema: z.ZodType): string {
  const { about, unit, secret } = notesOf(schema);
  const notes = [about, secret ? 'Secret.' : '', LIVE_SETTINGS.has(name as SettingName) ? '*Live.*' : ''].filter(Boolean).join(' ');
  const range = [rangeText(schema), unit ?? ''].filter(Boolean).join(' ');
  return `| \`${name}\` | \`${fileKey(name)}\` | ${defaultText(schema)} | ${range || '–'} | ${notes} |`;
}

/** The whole page. */
export function renderSettingsDoc(): string {
  const groups = Object.entries(GROUPS).map(([title, fields]) => {
    const rows = Object.entries(fields as Record<string, z.ZodType>).map(([name, schema]) => settingRow(name, schema));
    const note = (fields as object) === TALK ? '\nAn org or a channel may set these for itself.\n' : '';
    return `\n## ${title}\n${note}\n| environment | file | default | values | meaning |\n|---|---|---|---|---|\n${rows.join('\n')}\n`;
  });
  return HEAD + groups.join('');
}

if (import.meta.main) writeFileSync(new URL('../docs/settings.md', import.meta.url), renderSettingsDoc());
