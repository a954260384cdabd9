import { jobAddress, type JobId, type OrgId } from '../../domain/ids.ts';
import { JOB_EVENT_TYPES, type EventRelay, type Happening, type JobEvent, type JobEventType } from '../../ports/events.ts';
import type { Connections } from './connections.ts';
import { Listener, type ListenerDeps } from './listener.ts';

/** A payload must be shorter than 8000 bytes (https://www.postgresql.org/docs/current/sql-notify.html). */
const MAX_BYTES = 7_900;

/** As short as it can be. The last three are the event's own fields, in their order. */
type Packed = [type: number, jobId: string, orgId: string, kind: string, at: number, ...fields: (string | number)[]];

const FIELDS: Record<JobEventType, readonly string[]> = {
  completed: ['outcome'], failed: ['attempt', 'error', 'retryInMs'], stalled: [], dead: ['reason'], progress: ['done', 'total'],
};

function packed(event: JobEvent): Packed {
  const fields = FIELDS[event.type].map((name) => (event as unknown as Record<string, string | number>)[name] as string | number);
  return [JOB_EVENT_TYPES.indexOf(event.type), event.jobId, event.orgId, event.kind, event.at, ...fields];
}

/** Null for what another version may have said. */
function unpacked([index, jobId, orgId, kind, at, ...fields]: Packed): JobEvent | null {
  const type = JOB_EVENT_TYPES[index];
  const laneId = jobAddress(jobId)?.laneId;
  if (!type || !laneId) return null;
  const happening = Object.fromEntries([['type', type], ...FIELDS[type].map((name, place) => [name, fields[place]])]) as Happening;
  return { jobId: jobId as JobId, orgId: orgId as OrgId, laneId, kind, at, ...happening };
}

/** As few payloads as the events fit into, each with the name of who says it. An event too long for one is left out. */
export function payloadsOf(origin: string, events: JobEvent[]): string[] {
  const payloads: string[] = [];
  const head = JSON.stringify(origin).length + 4;
  let batch: string[] = [];
  let bytes = head;
  const close = (): void => {
    if (batch.length > 0) payloads.push(`[${JSON.stringify(origin)},${batch.join(',')}]`);
    batch = [];
    bytes = head;
  };
  for (const event of events) {
    const text = JSON.stringify(packed(event));
    const length = Buffer.byteLength(text) + 1;
    if (head + length > MAX_BYTES) continue;
    if (bytes + length > MAX_BYTES) close();
    batch.push(text);
    bytes += length;
  }
  close();
  return payloads;
}

/** The events of a payload, without those that `origin` said itself. */
export function eventsOf(origin: string, payload: string): JobEvent[] {
  let said: [string, ...Packed[]];
  try {
    said = JSON.parse(payload) as typeof said;
  } catch {
    return [];
  }
  if (!Array.isArray(said) || said[0] === origin) return [];
  const [, ...events] = said;
  return events.flatMap((each) => (Array.isArray(each) ? (unpacked(each) ?? []) : []));
}

export interface EventRelayDeps {
  connections: Connections;
  schema: string;
  /** Names this process. */
  origin: string;
  listener: Omit<ListenerDeps, 'channel'>;
}

/** Events between processes by NOTIFY, on a channel of their own. Behind a pooler in transaction mode they can be sent, and not heard. */
export function createEventRelay({ connections, schema, origin, listener }: EventRelayDeps): EventRelay {
  const channel = `${schema}.events`;
  return {
    send: async (events) => {
      const payloads = payloadsOf(origin, events);
      if (payloads.length > 0) await connections.run('select pg_notify($1, payload) from unnest($2::text[]) as payload', [channel, payloads]);
    },
    listen: (hear) => (listener.options.pooled ? null : new Listener({ ...listener, channel }, (payload) => eventsOf(origin, payload).forEach(hear))),
  };
}
