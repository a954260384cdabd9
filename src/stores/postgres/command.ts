/**
 * How one command of a port is run on PostgreSQL. `batch`: a function of the schema that takes many calls at once and answers `[index, value]`
 * pairs, where a call without an answer was fenced off. `single`: a function that takes one call. `statement`: one plain statement.
 */
export type Command = BatchCommand | SingleCommand | StatementCommand;

export interface BatchCommand {
  kind: 'batch';
  /** Name of the function. */
  name: string;
  encode(...args: never[]): EncodedCall;
  decode(value: never, call: EncodedCall): unknown;
  /** Calls with the same key do not share a batch; null: any may. */
  key: ((call: EncodedCall) => string) | null;
  /** Executing it once more does no harm, so a cut connection is answered by trying again. */
  repeatable: boolean;
  /** Undoes a call that was executed, or may have been, although its caller was told that it failed. */
  undo?: { name: string; values(call: EncodedCall): unknown[] };
}

export interface SingleCommand {
  kind: 'single';
  name: string;
  encode(...args: never[]): EncodedCall;
  decode(value: never, call: EncodedCall): unknown;
  repeatable: boolean;
}

export interface StatementCommand {
  kind: 'statement';
  /** Name in `reads.sql`. */
  name: string;
  /** The parameters. `at`: the clock's override, or null. */
  values(at: number | null, ...args: never[]): unknown[];
  decode(result: Rows, ...args: never[]): unknown;
  repeatable: boolean;
}

export interface Rows {
  rows: never[];
  rowCount: number | null;
}

/** One call as the database gets it. */
export type EncodedCall = Record<string, unknown>;

/** Names of any port's methods. */
type Method = (...args: never[]) => Promise<unknown>;

interface BatchSpec<M extends Method, V> {
  name: string;
  encode(...args: Parameters<M>): EncodedCall;
  decode?(value: V, call: EncodedCall): Awaited<ReturnType<M>>;
  key?: ((call: EncodedCall) => string) | null;
  repeatable?: boolean;
  undo?: BatchCommand['undo'];
}

const asIs = (value: never): unknown => value;
const nothing = (): undefined => undefined;

/** Fenced commands: one call per lane in a batch, so that its calls do not depend on one another. */
export const byLane = (call: EncodedCall): string => call.lane as string;

export function batch<M extends Method, V = Awaited<ReturnType<M>>>(spec: BatchSpec<M, V>): BatchCommand {
  const { name, key = byLane, repeatable = false, undo } = spec;
  const encode = spec.encode as BatchCommand['encode'];
  const decode = (spec.decode ?? asIs) as BatchCommand['decode'];
  return { kind: 'batch', name, encode, decode, key, repeatable, undo };
}

export function single<M extends Method, V = Awaited<ReturnType<M>>>(spec: Omit<BatchSpec<M, V>, 'key' | 'undo'>): SingleCommand {
  const { name, encode, decode = asIs, repeatable = false } = spec;
  return { kind: 'single', name, encode: encode as SingleCommand['encode'], decode: decode as SingleCommand['decode'], repeatable };
}

interface StatementSpec<M extends Method, Row> {
  name: string;
  values(at: number | null, ...args: Parameters<M>): unknown[];
  decode?(result: { rows: Row[]; rowCount: number | null }, ...args: Parameters<M>): Awaited<ReturnType<M>>;
  repeatable?: boolean;
}

export function statement<M extends Method, Row = never>(spec: StatementSpec<M, Row>): StatementCommand {
  const { name, values, decode = nothing, repeatable = true } = spec;
  return { kind: 'statement', name, values: values as StatementCommand['values'], decode: decode as StatementCommand['decode'], repeatable };
}
