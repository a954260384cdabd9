import type { Config } from '../config/index.ts';
import type { ShareRules } from '../domain/fair-share.ts';

/** What each org is entitled to. Only orgs that differ from the rest are listed: the list goes along with every claim. */
export function shareRules({ settings, orgs }: Pick<Config, 'settings' | 'orgs'>): ShareRules {
  const cap = settings.orgMaxConcurrency;
  const special = orgs.filter((org) => org.weight !== 1 || org.maxConcurrency !== cap);
  return { cap, orgs: new Map(special.map(({ id, weight, maxConcurrency }) => [id, { weight, cap: maxConcurrency }])) };
}
