/** The smaller of two values, so that the order of reports has no effect; the other value if one is null. */
export function pickText<T extends string | number>(a: T | null, b: T | null): T | null {
  if (a === null || b === null) return a ?? b
  return a <= b ? a : b
}

/** Compares by UTF-16 code units, whatever the locale: negative if `a` comes first. */
export function compareText(a: string, b: string): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}
