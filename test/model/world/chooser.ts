import { createRandom } from '../../conformance/scene.ts';

/** Where a run left the straight path: the place (label and how often it was passed) and what happened there. */
export type Deviation = [place: string, what: string];

/** Decides, at every point where something may go wrong, whether it does. The first alternative is the straight path. */
export interface Chooser {
  /** Deviations that may still be taken. */
  readonly left: number;
  readonly taken: Deviation[];
  pick(label: string, alternatives: string[]): string;
}

class Places {
  readonly #passed = new Map<string, number>();
  pass(label: string): string {
    const n = (this.#passed.get(label) ?? 0) + 1;
    this.#passed.set(label, n);
    return `${label}@${n}`;
  }
}

/** Up to `budget` deviations by chance; the same seed makes the same run. */
export class Rand implements Chooser {
  readonly taken: Deviation[] = [];
  left: number;
  readonly #places = new Places();
  readonly #random: () => number;
  readonly #rate: number;

  constructor(seed: number, budget: number, rate: number) {
    this.left = budget;
    this.#random = createRandom(seed);
    this.#rate = rate;
  }

  pick(label: string, alternatives: string[]): string {
    const place = this.#places.pass(label);
    const straight = alternatives[0] as string;
    if (this.left <= 0 || this.#random() >= this.#rate) return straight;
    const what = alternatives[1 + Math.floor(this.#random() * (alternatives.length - 1))] as string;
    this.left -= 1;
    this.taken.push([place, what]);
    return what;
  }
}

/** Exactly these deviations, wherever their places are passed again. */
export class Keyed implements Chooser {
  readonly taken: Deviation[] = [];
  left: number;
  readonly #places = new Places();
  readonly #wanted: Map<string, string>;

  constructor(deviations: Deviation[]) {
    this.#wanted = new Map(deviations);
    this.left = deviations.length;
  }

  pick(label: string, alternatives: string[]): string {
    const place = this.#places.pass(label);
    const what = this.#wanted.get(place);
    if (what === undefined || !alternatives.includes(what)) return alternatives[0] as string;
    this.left -= 1;
    this.taken.push([place, what]);
    return what;
  }
}

/** A deviation as the enumeration names it: the how-manieth choice, and which alternative. */
type Step = [choice: number, alternative: number];

/** Follows given steps, and notes every later choice where one more deviation could be taken. */
class Enum implements Chooser {
  readonly taken: Deviation[] = [];
  readonly points: [choice: number, alternatives: number][] = [];
  left: number;
  readonly #places = new Places();
  readonly #steps: Step[];
  #choice = 0;
  #next = 0;

  constructor(steps: Step[], depth: number) {
    this.#steps = steps;
    this.left = depth;
  }

  pick(label: string, alternatives: string[]): string {
    const place = this.#places.pass(label);
    const choice = this.#choice++;
    const step = this.#steps[this.#next];
    if (step && step[0] === choice) {
      this.#next += 1;
      this.left -= 1;
      const what = alternatives[step[1]] as string;
      this.taken.push([place, what]);
      return what;
    }
    if (this.#next === this.#steps.length && this.left > 0) this.points.push([choice, alternatives.length]);
    return alternatives[0] as string;
  }
}

export interface Violation {
  rule: string;
  why: string;
}

export type Run = (chooser: Chooser) => Promise<Violation[]>;

export interface Found extends Violation {
  taken: Deviation[];
}

export interface Search {
  runs: number;
  found: Found | null;
  /** False: cut off by `max`. */
  complete: boolean;
}

/** Every run with at most `depth` deviations, fewest first, so that what is found is minimal. */
export async function exhaustive(run: Run, depth: number, max = Infinity): Promise<Search> {
  let level: Step[][] = [[]];
  let runs = 0;
  for (let d = 0; d <= depth; d++) {
    const next: Step[][] = [];
    for (const steps of level) {
      if (runs >= max) return { runs, found: null, complete: false };
      const chooser = new Enum(steps, depth);
      const [violation] = await run(chooser);
      runs += 1;
      if (violation) return { runs, found: { ...violation, taken: chooser.taken }, complete: false };
      if (d === depth) continue;
      for (const [choice, alternatives] of chooser.points) for (let a = 1; a < alternatives; a++) next.push([...steps, [choice, a]]);
    }
    level = next;
  }
  return { runs, found: null, complete: true };
}

/** `count` runs by chance from `seed` on. */
export async function random(run: Run, { seed, count, budget, rate }: { seed: number; count: number; budget: number; rate: number }): Promise<Search> {
  for (let i = 0; i < count; i++) {
    const chooser = new Rand(seed + i, budget, rate);
    const [violation] = await run(chooser);
    if (violation) return { runs: i + 1, found: { ...violation, taken: chooser.taken }, complete: false };
  }
  return { runs: count, found: null, complete: true };
}

/** Leaves out every deviation without which the same rule still breaks. */
export async function shrink(run: Run, found: Found): Promise<Found> {
  let best = found;
  for (let i = best.taken.length - 1; i >= 0; i--) {
    const fewer = best.taken.filter((_, j) => j !== i);
    const same = (await run(new Keyed(fewer))).find((each) => each.rule === found.rule);
    if (same) best = { ...same, taken: fewer };
  }
  return best;
}
