/**
 * What governing decided at intake. `accepted` messages get a job; every other verdict ends the message at once, with
 * the verdict as its reason (`duplicate` deliveries of a known message are not stored again at all).
 */
export type Verdict = 'accepted' | 'deferred' | 'duplicate' | 'duplicate_text' | 'human_owns' | 'unsupported' | 'withdrawn';
