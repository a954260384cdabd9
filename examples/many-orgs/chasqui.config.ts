/**
 * Two orgs that share a process and nothing else. What an org says holds for its channels, unless a channel says
 * otherwise. Secrets stay in the environment:
 *
 *     BAKERY_CHATWOOT_TOKEN=... BAKERY_CHATWOOT_SECRET=... BAKERY_OPENAI_KEY=... \
 *     CLINIC_CHATWOOT_TOKEN=... CLINIC_CHATWOOT_SECRET=... CLINIC_WEB_TOKEN=... CLINIC_WEB_SECRET=... \
 *     npm start -- --config examples/many-orgs/chasqui.config.ts
 */
import { defineConfig } from '../../src/index.ts';

export default defineConfig({
  locale: 'es',
  orgs: [
    {
      id: 'bakery',
      responder: {
        kind: 'model',
        baseUrl: 'https://api.openai.com/v1',
        model: 'gpt-4o-mini',
        apiKey: { env: 'BAKERY_OPENAI_KEY' },
        system: 'Atiendes el chat de la panadería La Espiga. Responde en pocas frases y en el idioma del cliente.',
      },
      channels: [
        {
          kind: 'chatwoot',
          id: 'bakery-shop',
          baseUrl: 'https://app.chatwoot.com',
          accountId: 1,
          apiToken: { env: 'BAKERY_CHATWOOT_TOKEN' },
          webhookSecret: { env: 'BAKERY_CHATWOOT_SECRET' },
        },
      ],
    },
    {
      id: 'clinic',
      responder: { kind: 'script' },
      // Patients write in long bursts: wait longer for the rest.
      burstDebounceMs: 1_500,
      channels: [
        {
          kind: 'chatwoot',
          id: 'clinic-whatsapp',
          baseUrl: 'https://chat.clinic.example',
          accountId: 7,
          apiToken: { env: 'CLINIC_CHATWOOT_TOKEN' },
          webhookSecret: { env: 'CLINIC_CHATWOOT_SECRET' },
        },
        {
          kind: 'chatwoot',
          id: 'clinic-web',
          locale: 'en',
          baseUrl: 'https://chat.clinic.example',
          accountId: 8,
          apiToken: { env: 'CLINIC_WEB_TOKEN' },
          webhookSecret: { env: 'CLINIC_WEB_SECRET' },
          burstDebounceMs: 500,
        },
      ],
    },
  ],
});
