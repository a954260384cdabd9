import type { Config } from '../../config/index.ts';
import { ok, warn } from './finding.ts';
import type { Finding } from './finding.ts';

/** Shorter tokens can be guessed over the network. */
const TOKEN_LENGTH = 16;

function checkAdminToken({ settings }: Config): Finding {
  const fix = 'set ADMIN_TOKEN to a long random text: openssl rand -hex 32';
  if (settings.adminToken !== undefined) {
    return settings.adminToken.length < TOKEN_LENGTH ? warn('admin', `ADMIN_TOKEN has fewer than ${TOKEN_LENGTH} characters`, fix) : ok('admin', 'ADMIN_TOKEN is set');
  }
  if (settings.nodeEnv === 'production') return warn('admin', 'ADMIN_TOKEN is missing: in production /admin and /v1 refuse every request', fix);
  const isLoopback = ['127.0.0.1', '::1', 'localhost'].includes(settings.host);
  return isLoopback ? ok('admin', 'no ADMIN_TOKEN: /admin and /v1 answer on loopback only') : warn('admin', `no ADMIN_TOKEN, and HOST is ${settings.host}`, fix);
}

/** Said in other words by a check of its own. */
const CHECKED = /^(ADMIN_TOKEN|CHATWOOT_READ_TOKEN) is not set/;

/** What the configuration alone tells. */
export function checkSettings(config: Config): Finding[] {
  const notices = config.notices.filter((notice) => !CHECKED.test(notice));
  const read = ok('settings', config.file ? `read from ${config.file} and the environment` : 'read from the environment');
  return [read, ...notices.map((notice) => warn('settings', notice.replace(/\.$/, ''), 'docs/settings.md tells what the settings mean')), checkAdminToken(config)];
}
