/** What one check found. */
export type Finding =
  | { check: string; state: 'ok'; detail: string }
  /** `warn`: it runs, though perhaps not as meant. `fail`: it will not start, or will not do its work. */
  | { check: string; state: 'warn' | 'fail'; detail: string; fix: string };

export const ok = (check: string, detail: string): Finding => ({ check, state: 'ok', detail });
export const warn = (check: string, detail: string, fix: string): Finding => ({ check, state: 'warn', detail, fix });
export const fail = (check: string, detail: string, fix: string): Finding => ({ check, state: 'fail', detail, fix });

/** One line for people. */
export function formatFinding(finding: Finding): string {
  const head = `${finding.state.padEnd(4)}  ${finding.check.padEnd(10)}  ${finding.detail}`;
  return finding.state === 'ok' ? head : `${head}. Fix: ${finding.fix}.`;
}
