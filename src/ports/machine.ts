/** What the process has of the machine it runs on. */
export interface Machine {
  /** Part of the time since the last call that the event loop was busy, 0 to 1. One caller per machine. */
  loopUse(): number;
  /** Part of the memory that the process may have that it has, 0 to 1. */
  memoryUse(): number;
}
