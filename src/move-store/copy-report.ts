import type { ComparedRow, RowDiff } from './compare-page.ts'

/**
 * What is copied and compared. Webhooks and pauses of providers are copied separately: see `copyWebhooks` and `copyPauses`.
 * Nothing else is copied: the target's gateways gather the facts of stem files, count the budgets, note who calls and take leases
 * again, and the work of the archive follows from what the tasks say is archived.
 */
export type TableName = 'tasks' | 'keys' | 'callbacks' | 'tombstones' | 'secrets'

export interface TableReport {
  /** The number of rows at the end. */
  readonly source: number
  readonly target: number
  /** The number of rows that this run inserted, updated and skipped. */
  readonly copied: number
  readonly updated: number
  readonly skipped: number
}

/** A difference that remains after copying. */
export interface Difference {
  readonly table: TableName
  readonly diff: Exclude<RowDiff, 'same'>
  readonly count: number
  /** The first of them. */
  readonly examples: readonly { readonly taskId: string; readonly otherTaskId: string | null }[]
}

export interface CopyReport {
  readonly tables: Readonly<Record<TableName, TableReport>>
  /** The names of the target's secrets that were replaced by the source's. */
  readonly replacedSecrets: readonly string[]
  /** The names of the target's secrets that were kept although they differ from the source's. */
  readonly keptSecrets: readonly string[]
  readonly differences: readonly Difference[]
  /** The source changed during the run. */
  readonly sourceChanged: boolean
  /** The target contains everything in the source, or a newer state of it. */
  readonly isComplete: boolean
}

/** What a run has done to the rows of a table. */
export type Tally = Pick<TableReport, 'copied' | 'updated' | 'skipped'>

/** How many differences are named as examples. */
const maxExamples = 10

/** Counts what is done to the rows of a table. */
export function createTally() {
  const counts = new Map<RowDiff, number>()
  const count = (...rows: RowDiff[]) => rows.reduce((sum, diff) => sum + (counts.get(diff) ?? 0), 0)
  return {
    add(compared: readonly ComparedRow<unknown>[]): void {
      for (const { diff } of compared) counts.set(diff, count(diff) + 1)
    },
    sum: (): Tally => ({
      copied: count('new'),
      updated: count('behind'),
      skipped: count('same', 'ahead', 'diverged', 'conflict', 'orphan'),
    }),
  }
}

/** Adds the differences of a page to those that were found. */
export function addDifferences(
  differences: Map<string, Difference>,
  table: TableName,
  compared: readonly ComparedRow<unknown>[],
): void {
  for (const { diff, taskId, otherTaskId } of compared) {
    if (diff === 'same') continue
    const name = `${table} ${diff}`
    const { count, examples } = differences.get(name) ?? { count: 0, examples: [] }
    const more = examples.length < maxExamples ? [...examples, { taskId, otherTaskId }] : examples
    differences.set(name, { table, diff, count: count + 1, examples: more })
  }
}
