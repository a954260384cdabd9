import { appendSuite } from './append.suite.ts';
import { attemptsSuite, fencingSuite } from './attempts.suite.ts';
import { breakersSuite } from './breakers.suite.ts';
import { claimSuite } from './claim.suite.ts';
import { conversationsSuite } from './conversations.suite.ts';
import { deadLettersSuite } from './dead-letters.suite.ts';
import { fairSuite } from './fair.suite.ts';
import { governSuite } from './govern.suite.ts';
import { jobsSuite } from './jobs.suite.ts';
import { lanesSuite } from './lanes.suite.ts';
import { ledgerEndsSuite } from './ledger-ends.suite.ts';
import { ledgerSuite } from './ledger.suite.ts';
import { operationsSuite } from './operations.suite.ts';
import { pausesSuite } from './pauses.suite.ts';
import { poisonSuite } from './poison.suite.ts';
import { raceSuite } from './race.suite.ts';
import { reportsSuite } from './reports.suite.ts';
import type { Harness } from './scene.ts';

/** The mailbox port: append and what it decides, amend, addJob, claim, attempts, release, the fence around it all, and races. */
export function mailboxSuite(harness: Harness): void {
  appendSuite(harness);
  governSuite(harness);
  claimSuite(harness);
  fairSuite(harness);
  pausesSuite(harness);
  attemptsSuite(harness);
  fencingSuite(harness);
  poisonSuite(harness);
  raceSuite(harness);
}

/** Everything that a store must pass, unchanged, to be one of ours. */
export function storeSuite(harness: Harness): void {
  mailboxSuite(harness);
  ledgerSuite(harness);
  ledgerEndsSuite(harness);
  conversationsSuite(harness);
  deadLettersSuite(harness);
  operationsSuite(harness);
  jobsSuite(harness);
  reportsSuite(harness);
  breakersSuite(harness);
  lanesSuite(harness);
}

export { conversationsSuite, deadLettersSuite, ledgerEndsSuite, ledgerSuite, reportsSuite };
