/** The composition root: settings to a running Chasqui. */
export type { AddJob, JobToAdd } from './add-job.ts';
export { buildApp } from './build.ts';
export type { App } from './build.ts';
export type { StopResult } from './lifecycle.ts';
export type { Parts } from './parts.ts';
export { runApp } from './run.ts';
