/** What a schedule runs on: one cell of the matrix. */
export interface Cell {
  store: 'sqlite' | 'postgres';
  engine: 'local' | 'bullmq';
}

export const STORES = ['sqlite', 'postgres'] as const satisfies readonly Cell['store'][];
export const ENGINES = ['local', 'bullmq'] as const satisfies readonly Cell['engine'][];

export const nameOf = ({ store, engine }: Cell): string => `${store} x ${engine}`;
