import type { ChangeTotals, TaskChange } from '../store/change-reader.ts'

export const noChanges: ChangeTotals = { count: 0, revisionSum: 0, latest: 0 }

/** The totals with those of a page of changes. A task that was read on two pages counts twice, so it is read again. */
export function withPage(totals: ChangeTotals, page: readonly TaskChange[]): ChangeTotals {
  return {
    count: totals.count + page.length,
    revisionSum: page.reduce((sum, { revision }) => sum + revision, totals.revisionSum),
    latest: Math.max(totals.latest, page.at(-1)?.position ?? 0),
  }
}

export function areSame(one: ChangeTotals, other: ChangeTotals | undefined): boolean {
  return one.count === other?.count && one.revisionSum === other.revisionSum && one.latest === other.latest
}
