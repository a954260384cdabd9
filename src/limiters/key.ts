import { createHash } from 'node:crypto';

/** `rate`: a window's log. `pace`: a pace's state. `seen`: a mark. */
export type KeyKind = 'rate' | 'pace' | 'seen';

/** Longer ones are kept as a digest, so that a user's text does not become a large key. */
const LONGEST = 40;

const digest = (text: string): string => createHash('sha256').update(text).digest('base64url').slice(0, 22);

/** Braces delimit what Redis Cluster hashes (https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/#hash-tags): an org brings none of its own. */
const escaped = (org: string): string => (/[{}%]/.test(org) ? org.replaceAll(/[{}%]/g, (brace) => encodeURIComponent(brace)) : org);

/** `{org}:rate:conversation:cnv_1`. All keys of an org are in one slot of a Redis Cluster. A name has no `:`, so no two texts share a key. */
export function keyOf(org: string, kind: KeyKind, { name, key }: { name: string; key: string }): string {
  return `{${escaped(org)}}:${kind}:${name}:${key.length > LONGEST ? digest(key) : key}`;
}
