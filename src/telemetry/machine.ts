import { totalmem } from 'node:os';
import { performance } from 'node:perf_hooks';
import { getHeapStatistics } from 'node:v8';
import type { Machine } from '../ports/machine.ts';

/** The limit of the container, where there is one (https://nodejs.org/docs/latest-v24.x/api/process.html#processconstrainedmemory). */
function memoryLimit(): number {
  const limit = process.constrainedMemory();
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem();
}

/** The fuller of the two: the process, which is killed when it exceeds its container's limit, and the JavaScript heap, which has one of its own. */
function memoryUse(): number {
  const { used_heap_size: used, heap_size_limit: limit } = getHeapStatistics();
  return Math.max(process.memoryUsage.rss() / memoryLimit(), used / limit);
}

/** This process. */
export function createMachine(): Machine {
  let last = performance.eventLoopUtilization();
  return {
    loopUse: () => {
      const now = performance.eventLoopUtilization();
      const { utilization } = performance.eventLoopUtilization(now, last);
      last = now;
      return utilization;
    },
    memoryUse,
  };
}
