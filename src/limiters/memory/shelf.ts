/** What a shelf keeps, until it is of no more use. */
export interface Shelved {
  /** UTC ms. */
  expiresAt: number;
  /** Where it is, so that it can be taken away without being looked for. */
  readonly keys: Map<string, unknown>;
  readonly key: string;
}

/** Things looked at each time that something new is put on the shelf: more than come in, so that what is expired does not pile up. */
const LOOKED_AT = 2;

/** Empty maps that are not worth a look. */
const MAPS_TO_SPARE = 1024;

/**
 * Things by org, name and key, without a timer: expired ones are removed a few at a time as new ones come. Three maps instead of one text that joins
 * the three, because building that text costs more than the look-ups.
 */
export class Shelf<T extends Shelved> {
  readonly #orgs = new Map<string, Map<string, Map<string, T>>>();
  readonly #things: T[] = [];
  readonly #most: number;
  /** Maps by name, empty ones included. */
  #maps = 0;
  #hand = 0;
  /** What was looked for last is often looked for next. */
  #lastOrg: string | null = null;
  #lastName = '';
  #lastKeys = new Map<string, T>();

  /** Keeps `most` things at most; beyond that, each new one takes the place of an old one. */
  constructor(most: number) {
    this.#most = most;
  }

  get(org: string, name: string, key: string): T | undefined {
    if (this.#lastName === name && this.#lastOrg === org) return this.#lastKeys.get(key);
    const keys = this.#orgs.get(org)?.get(name);
    if (!keys) return undefined;
    this.#lastOrg = org;
    this.#lastName = name;
    this.#lastKeys = keys;
    return keys.get(key);
  }

  /** Where the things of an org and a name are, by key. */
  keysOf(org: string, name: string): Map<string, T> {
    let names = this.#orgs.get(org);
    if (!names) this.#orgs.set(org, (names = new Map()));
    let keys = names.get(name);
    if (!keys) {
      names.set(name, (keys = new Map()));
      this.#maps += 1;
    }
    return keys;
  }

  /** Puts it where it says, which was made by {@link Shelf.keysOf}. */
  put(thing: T, now: number): T {
    this.#sweep(now, LOOKED_AT);
    if (this.#things.length >= this.#most) this.#remove();
    thing.keys.set(thing.key, thing);
    this.#things.push(thing);
    // Each map that stays holds something, so this comes after at least as many new maps as it looks at.
    if (this.#maps > 2 * this.#things.length + MAPS_TO_SPARE) this.#dropEmpty();
    return thing;
  }

  /** Removes all that is expired, and says how much is left. */
  countAt(now: number): number {
    this.#hand = 0;
    this.#sweep(now, this.#things.length);
    this.#dropEmpty();
    return this.#things.length;
  }

  /** Forgets orgs and names without things. */
  #dropEmpty(): void {
    this.#lastOrg = null;
    for (const [org, names] of this.#orgs) {
      for (const [name, keys] of names) {
        if (keys.size > 0) continue;
        names.delete(name);
        this.#maps -= 1;
      }
      if (names.size === 0) this.#orgs.delete(org);
    }
  }

  #sweep(now: number, things: number): void {
    for (let looked = 0; looked < things && this.#things.length > 0; looked++) {
      if (this.#hand >= this.#things.length) this.#hand = 0;
      if ((this.#things[this.#hand] as T).expiresAt <= now) this.#remove();
      else this.#hand += 1;
    }
  }

  /** What is under the hand; the last one takes its place. */
  #remove(): void {
    if (this.#hand >= this.#things.length) this.#hand = 0;
    const { keys, key } = this.#things[this.#hand] as T;
    keys.delete(key);
    const last = this.#things.pop() as T;
    if (this.#hand < this.#things.length) this.#things[this.#hand] = last;
  }
}
