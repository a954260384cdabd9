import type { HoursConfig } from '../config/index.ts';
import { ServiceHours } from '../domain/hours.ts';
import type { ChannelId } from '../domain/ids.ts';
import type { ChannelHours } from '../intake/index.ts';
import type { Connections } from './channels.ts';

/** The hours that each channel keeps now; null: always open. */
export function hoursByChannel(connections: Pick<Connections, 'get'>): (id: ChannelId) => ChannelHours | null {
  const made = new WeakMap<HoursConfig, ServiceHours>();
  function hoursOf(config: HoursConfig): ServiceHours {
    const known = made.get(config) ?? new ServiceHours(config.schedule);
    made.set(config, known);
    return known;
  }
  return (id) => {
    const connected = connections.get(id)?.config;
    if (!connected?.serviceHours || !connected.talk.governorServiceHoursEnabled) return null;
    const { policy, words } = connected.serviceHours;
    return { hours: hoursOf(connected.serviceHours), policy, words, locale: connected.locale };
  };
}
