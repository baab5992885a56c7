import type { Run } from '../database/database-traits.ts'
import { runAtOnce } from '../database/job.ts'
import type { RunQuery } from './sqlite-query.ts'
import { storeErrorOf, withRetry, type RetryOptions } from '../database/with-retry.ts'

export interface GroupCommitOptions {
  /** Runs a query at once. */
  readonly runQuery: RunQuery
  /** Runs a statement without parameters at once. */
  readonly execute: (sql: string) => void
  readonly isInTransaction: () => boolean
  readonly retry: RetryOptions
}

/** Commits the jobs of one turn of the event loop together: see docs/decisions/0027. */
export interface GroupCommit {
  /** Runs a job in a transaction. Resolves once it is committed: until then, only later jobs of its group see its effect. */
  readonly transact: Run
  /** Resolves when no job waits. */
  settled(): Promise<unknown>
}

/** A job that waits for its turn. */
interface WaitingJob {
  /** Runs the job. Returns what is to be done once it is committed. */
  readonly run: () => () => void
  readonly reject: (error: unknown) => void
}

/** The most jobs of one group: a group blocks the event loop while it runs. */
const maxJobs = 128

/**
 * A commit waits for the disk, so all jobs that arrive in one turn share one. Each job has a savepoint: if it fails, it alone
 * is undone. A group runs without a pause, so that nobody can read what is not committed.
 */
export function createGroupCommit({ runQuery, execute, isInTransaction, retry }: GroupCommitOptions): GroupCommit {
  const waiting: WaitingJob[] = []
  let committing: Promise<void> | null = null

  return {
    transact: (job) =>
      new Promise((resolve, reject) => {
        const run = () => {
          const value = runAtOnce(job(), runQuery)
          return () => resolve(value)
        }
        waiting.push({ run, reject })
        committing ??= commitAll()
      }),
    settled: async () => committing,
  }

  async function commitAll(): Promise<void> {
    while (waiting.length > 0) {
      // The callbacks of all sockets of this turn run first, and add their jobs.
      await new Promise((resolve) => setImmediate(resolve))
      await commitGroup(waiting.splice(0, maxJobs))
    }
    committing = null
  }

  async function commitGroup(group: readonly WaitingJob[]): Promise<void> {
    try {
      const settlements = await withRetry(async () => runInTransaction(group), retry)
      for (const settle of settlements) settle()
    } catch (error) {
      for (const { reject } of group) reject(error)
    }
  }

  function runInTransaction(group: readonly WaitingJob[]): readonly (() => void)[] {
    execute('begin immediate')
    try {
      const settlements = group.map(runInSavepoint)
      execute('commit')
      return settlements
    } catch (error) {
      execute('rollback')
      throw error
    }
  }

  function runInSavepoint({ run, reject }: WaitingJob): () => void {
    execute('savepoint job')
    try {
      const settle = run()
      execute('release job')
      return settle
    } catch (error) {
      const kind = retry.classify(error)
      // A lock may pass for the whole group. On a full disk, SQLite itself has undone the whole group.
      if (kind === 'transient' || !isInTransaction()) throw error
      execute('rollback to job')
      execute('release job')
      return () => reject(storeErrorOf(error, kind))
    }
  }
}
