/** Where a value came from. */
export type Origin = { from: 'flag'; name: string } | { from: 'environment'; name: string } | { from: 'file'; name: string } | { from: 'default' };

/** For people: `flag --port`, `environment PORT`, `chasqui.config.ts`, `default`. */
export function describeOrigin(origin: Origin): string {
  switch (origin.from) {
    case 'flag':
      return `flag ${origin.name}`;
    case 'environment':
      return `environment ${origin.name}`;
    case 'file':
      return origin.name;
    case 'default':
      return 'default';
  }
}
