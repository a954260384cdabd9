/** Something that Chasqui had to get over. Instants are UTC ms. */
export interface Disturbance {
  kind: DisturbanceKind;
  startAt: number;
  /** From here on it is Chasqui's to recover: the kill itself, the connection healed, the process awake, the server back. */
  overAt: number;
}

export const DISTURBANCES = [
  'kill', 'kill by poison', 'deploy', 'freeze', 'block', 'postgres restart', 'postgres terminated', 'postgres half-open',
  'redis kill', 'redis freeze', 'redis flush', 'redis pause', 'redis half-open', 'redis absent at start',
] as const;
export type DisturbanceKind = (typeof DISTURBANCES)[number];

/** What happened in a schedule, as told by its processes and servers. */
export class Happenings {
  readonly disturbances: Disturbance[] = [];
  /** Faults by `action point`, in their order. */
  readonly faults: string[] = [];
  /** What nobody asked for: ends of processes, with what they logged. */
  readonly surprises: string[] = [];

  /** A disturbance that begins now and is over when the result is called. */
  begin(kind: DisturbanceKind): () => void {
    const disturbance: Disturbance = { kind, startAt: Date.now(), overAt: Infinity };
    this.disturbances.push(disturbance);
    return () => void (disturbance.overAt = Math.min(disturbance.overAt, Date.now()));
  }

  /** A disturbance that is Chasqui's to recover from at once. */
  struck(kind: DisturbanceKind): void {
    this.begin(kind)();
  }
}
