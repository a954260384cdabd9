import { z } from 'zod';
import { hoursSchema } from './hours.ts';
import { jobsSchema, legacyQueueSchema } from './jobs.ts';
import { localeSchema, orgSchema, responderSchema } from './orgs.ts';
import { settingsSchema, withoutDefaults } from './settings.ts';

/** Everything that `chasqui.config.ts` may say: every setting in camel case, the default responder, language and service hours, and the orgs. */
export const fileSchema = z.strictObject({
  ...withoutDefaults(settingsSchema.shape),
  locale: localeSchema.optional(),
  responder: responderSchema.optional(),
  serviceHours: hoursSchema.optional(),
  jobs: jobsSchema.optional(),
  legacyQueue: legacyQueueSchema.optional(),
  orgs: z.array(orgSchema, { error: 'must be a list of orgs' }).optional(),
});

/** What `chasqui.config.ts` exports. */
export type ConfigFile = z.input<typeof fileSchema>;

/** Types `chasqui.config.ts` while it is written; returns its argument. */
export function defineConfig(config: ConfigFile): ConfigFile {
  return config;
}
