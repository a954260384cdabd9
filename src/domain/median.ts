/** The middle one, the lower of two; null of nothing. As PostgreSQL's `percentile_disc(0.5)`. */
export function medianOf(values: readonly number[]): number | null {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.ceil(sorted.length / 2) - 1] ?? null;
}
