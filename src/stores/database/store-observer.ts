import type { DatabaseTraits, Run } from './database-traits.ts'

/** Work on a database. `revisions`: reads the revisions of tasks, for many callers at once. */
export type StoreOperation = 'read' | 'write' | 'revisions'

/** What the gateway measures of its store. */
export interface StoreObserver {
  /** Runs the work and measures it, whatever its outcome. */
  measure<T>(operation: StoreOperation, work: () => Promise<T>): Promise<T>
  /** How far the database's clock is ahead of this machine's, in milliseconds. Called at each measurement. */
  clockSkew(skewMs: number): void
}

export const unobserved: StoreObserver = { measure: (_operation, work) => work(), clockSkew: () => {} }

/** The same runs, observed. */
export function observedRuns<T extends Pick<DatabaseTraits, 'read' | 'write' | 'transact'>>(
  runs: T,
  observer: StoreObserver,
): T {
  const observed =
    (operation: StoreOperation, run: Run): Run =>
    (job) =>
      observer.measure(operation, () => run(job))
  return {
    ...runs,
    read: observed('read', runs.read),
    write: observed('write', runs.write),
    transact: observed('write', runs.transact),
  }
}
