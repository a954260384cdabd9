import { readdirSync, readFileSync } from 'node:fs';

/** Clock ticks of /proc a second: `getconf CLK_TCK`, 100 on every Linux that runs Node. */
const TICKS_PER_SECOND = 100;

interface Process {
  parent: number;
  ticks: number;
}

/** One line of /proc/<pid>/stat; the second field is a name that may hold spaces (https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html). */
export function processOf(stat: string): Process {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ').map(Number);
  const [parent, user, system, childUser, childSystem] = [1, 11, 12, 13, 14].map((index) => fields[index] ?? 0) as [number, number, number, number, number];
  return { parent, ticks: user + system + childUser + childSystem };
}

function processes(): Map<number, Process> {
  const found = new Map<number, Process>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      found.set(Number(name), processOf(readFileSync(`/proc/${name}/stat`, 'latin1')));
    } catch {
      // Ended since the folder was read: what it used is in its parent's figures.
    }
  }
  return found;
}

/** CPU time of processes with all their descendants, the ended ones too, ms. Null where there is no /proc. */
export function cpuOfTrees(roots: readonly number[]): number | null {
  if (process.platform !== 'linux') return null;
  const all = processes();
  const isUnder = (pid: number): boolean => roots.includes(pid) || (pid > 1 && isUnder(all.get(pid)?.parent ?? 0));
  let ticks = 0;
  for (const [pid, each] of all) if (isUnder(pid)) ticks += each.ticks;
  return (ticks * 1000) / TICKS_PER_SECOND;
}
