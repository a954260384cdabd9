/** The settings of a process and the orgs with their channels: read, checked, explained. */
export type { ChannelConfig, Connection, OrgConfig, ResponderConfig } from './accounts.ts';
export { defineConfig } from './file.ts';
export type { HoursConfig } from './hours.ts';
export type { ConfigFile } from './file.ts';
export type { LegacyQueueConfig } from './jobs.ts';
export { compareConfigs, mergeLive } from './live.ts';
export type { ConfigChange } from './live.ts';
export { isLaunched, loadConfig, openConfig } from './load.ts';
export type { ConfigSource, LoadOptions } from './load.ts';
export type { RespondFunction } from './orgs.ts';
export { explainConfig, formatConfig } from './print.ts';
export type { ConfigRow } from './print.ts';
export { resolveConfig } from './resolve.ts';
export type { Config, Sources } from './resolve.ts';
export type { Settings, TalkSettings } from './settings.ts';
export { readVersion } from './version.ts';
export { signatureOf } from './watch.ts';
