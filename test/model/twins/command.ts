import fc from 'fast-check';

/** What a person, a platform, a worker or an operator may do next, in small numbers that are looked up when it is done. */
export type Command =
  | { do: 'arrive'; conversation: number; external: number; text: number; author: number; deferMs: number; debounceMs: number; windowMs: number; refused: 'unsupported' | 'limited' | null; work: 'turn' | 'handoff'; noticeSinceMs: number | null; maxOpen: number }
  | { do: 'amend'; external: number; conversation: number; text: number | null }
  | { do: 'addJob'; conversation: number | null; inMs: number; priority: number }
  | { do: 'claim'; owner: number; limit: number; orgCap: number; of: { start: number; weight: number; cap: number } | null }
  | { do: 'pause' | 'resume'; target: number }
  | { do: 'turn'; held: number; members: number; parts: number; apology: boolean; upTo: number }
  | { do: 'attempt'; held: number; members: number; ends: 'fail' | 'handBack' | 'die' | 'nothing'; retryInMs: number }
  | { do: 'part'; held: number; part: number; how: 'start' | 'resend' | 'sent' | 'again' | 'failed' | 'unknown' | 'ambiguous'; withinMs: number | null }
  | { do: 'end'; held: number; how: 'settle' | 'close' }
  | { do: 'job'; held: number; outcome: 'completed' | 'cancelled' | 'retry' | 'dead' }
  | { do: 'release'; held: number; how: 'drained' | 'park'; parkMs: number }
  | { do: 'renew'; held: number }
  | { do: 'owner'; conversation: number; owner: 'bot' | 'human'; lateMs: number }
  | { do: 'retry'; letter: number }
  | { do: 'discard'; letter: number }
  | { do: 'purge'; limit: number }
  | { do: 'wait'; ms: number };

const small = (max: number): fc.Arbitrary<number> => fc.integer({ min: 0, max });
const held = small(3);
const conversation = small(2);
const members = fc.integer({ min: 1, max: 3 });

const arrive: fc.Arbitrary<Command> = fc.record({
  do: fc.constant('arrive'), conversation, external: small(30), text: small(2), author: small(1), deferMs: fc.constantFrom(0, 0, 0, 20_000),
  debounceMs: fc.constantFrom(0, 0, 700), windowMs: fc.constantFrom(0, 5_000), refused: fc.constantFrom(null, null, null, 'unsupported', 'limited'), work: fc.constantFrom('turn', 'turn', 'turn', 'handoff'),
  noticeSinceMs: fc.constantFrom(null, null, null, 0, 5_000, 60_000), maxOpen: fc.constantFrom(0, 0, 3),
});

const of = fc.option(fc.record({ start: fc.constantFrom(0, 1, 2.5), weight: fc.constantFrom(0.5, 1, 3), cap: fc.constantFrom(0, 1, 2) }));

const claim: fc.Arbitrary<Command> = fc.record({
  do: fc.constant('claim'), owner: small(1), limit: fc.integer({ min: 1, max: 3 }), orgCap: fc.constantFrom(0, 0, 1), of,
});

const turn: fc.Arbitrary<Command> = fc.record({ do: fc.constant('turn'), held, members, parts: small(3), apology: fc.boolean(), upTo: small(4) });

const wait: fc.Arbitrary<Command> = fc.record({ do: fc.constant('wait'), ms: fc.constantFrom(1, 300, 2_000, 12_000, 31_000, 4_000_000) });

export const anyCommand: fc.Arbitrary<Command> = fc.oneof(
  { weight: 6, arbitrary: arrive },
  { weight: 6, arbitrary: claim },
  { weight: 5, arbitrary: turn },
  { weight: 3, arbitrary: wait },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('pause'), target: small(3) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('resume'), target: small(3) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('amend'), external: small(30), conversation, text: fc.option(small(2)) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('addJob'), conversation: fc.option(conversation), inMs: fc.constantFrom(0, 5_000), priority: fc.integer({ min: -1, max: 1 }) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('attempt'), held, members, ends: fc.constantFrom('fail', 'handBack', 'die', 'nothing'), retryInMs: fc.constantFrom(0, 1_000, 9_000_000) }) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('part'), held, part: small(2), how: fc.constantFrom('start', 'start', 'resend', 'sent', 'sent', 'again', 'failed', 'unknown', 'ambiguous'),
      withinMs: fc.option(fc.constantFrom(1_000, 30_000)),
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('end'), held, how: fc.constantFrom('settle', 'settle', 'close') }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('job'), held, outcome: fc.constantFrom('completed', 'cancelled', 'retry', 'dead') }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('release'), held, how: fc.constantFrom('drained', 'park'), parkMs: fc.constantFrom(0, 0, 2_000) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('renew'), held }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('owner'), conversation, owner: fc.constantFrom('bot', 'human'), lateMs: fc.constantFrom(0, 0, 10_000) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('retry'), letter: small(2) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('discard'), letter: small(2) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('purge'), limit: small(2) }) },
) as fc.Arbitrary<Command>;
