/**
 * What governing decided at intake. `accepted` messages get a job; every other verdict ends the message at once, with
 * the verdict as its reason (`duplicate` deliveries of a known message are not stored again at all).
 */
export type Verdict =
  | 'accepted'
  /** Answered when somebody is there again. */
  | 'deferred'
  | 'duplicate'
  | 'duplicate_text'
  | 'human_owns'
  | 'unsupported'
  | 'withdrawn'
  /** Outside service hours, and nothing opens in the year to come. */
  | 'outside_hours'
  /** More messages than the limits allow. */
  | 'limited'
  /** The lane holds as much unfinished work as it may. */
  | 'flooded';

/** The verdicts after which a notice may be said: the bot would otherwise have answered. */
export const MAY_NOTIFY: ReadonlySet<Verdict> = new Set<Verdict>(['accepted', 'deferred', 'outside_hours', 'limited']);
