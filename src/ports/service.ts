/** A loop that runs beside the traffic. `runOnce` is the whole of one round, so that tests call it directly. */
export interface Service {
  readonly name: string;
  readonly intervalMs: number;
  runOnce(signal: AbortSignal): Promise<void>;
}
