import type { Config, Settings } from '../config/index.ts';

/**
 * The configuration that counts now. Whoever needs a live setting (`src/config/live.ts`) asks here each time and keeps nothing. It has one
 * owner, `reload.ts`, which alone adopts another.
 */
export interface LiveConfig {
  readonly config: Config;
  readonly settings: Settings;
}

export interface OwnedLiveConfig extends LiveConfig {
  adopt(next: Config): void;
}

export function createLiveConfig(first: Config): OwnedLiveConfig {
  let config = first;
  return {
    get config() {
      return config;
    },
    get settings() {
      return config.settings;
    },
    adopt: (next) => {
      config = next;
    },
  };
}
