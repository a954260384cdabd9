import type { Settings } from '../config/index.ts';

/** What a process does: everything, only the HTTP surface, or only the work. */
export type AppMode = Settings['appMode'];

export const takesWebhooks = (mode: AppMode): boolean => mode !== 'worker';
export const takesWork = (mode: AppMode): boolean => mode !== 'api';
