import type { ChannelId, OrgId } from '../../../src/domain/ids.ts';

export const ORG = 'org_a' as OrgId;
export const CHANNEL = 'chn_a' as ChannelId;
export const TTL_MS = 10_000;
export const MAX_ATTEMPTS = 4;
export const MAX_CRASHES = 4;
export const MAX_TRIES = 4;
