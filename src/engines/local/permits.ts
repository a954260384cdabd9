import type { LaneId } from '../../domain/ids.ts';
import type { Claimed } from '../../domain/lane.ts';

interface Permit {
  preferred: LaneId;
  give(lane: Claimed | null): void;
}

/** Requests for a lane that wait for the next claim. */
export class Permits {
  #waiting: Permit[] = [];

  get size(): number {
    return this.#waiting.length;
  }

  /** Resolves with the lane that the next claim got for it; null when it got none. */
  wait(preferred: LaneId): Promise<Claimed | null> {
    return new Promise((give) => void this.#waiting.push({ preferred, give }));
  }

  /** Takes the requests that wait now, for the claim about to be made; those that come meanwhile wait for the next. */
  draw(): DrawnPermits {
    const drawn = new DrawnPermits(this.#waiting);
    this.#waiting = [];
    return drawn;
  }
}

/** The requests that one claim is for. */
export class DrawnPermits {
  readonly #permits: readonly Permit[];

  constructor(permits: readonly Permit[]) {
    this.#permits = permits;
  }

  get size(): number {
    return this.#permits.length;
  }

  /** Gives each its preferred lane, or else the next of the rest; returns the lanes left over. */
  give(lanes: readonly Claimed[]): Claimed[] {
    const rest = new Map(lanes.map((lane) => [lane.lease.laneId, lane]));
    const unserved: Permit[] = [];
    for (const permit of this.#permits) {
      const own = rest.get(permit.preferred);
      rest.delete(permit.preferred);
      if (own) permit.give(own);
      else unserved.push(permit);
    }
    const left = [...rest.values()];
    for (const permit of unserved) permit.give(left.shift() ?? null);
    return left;
  }
}
