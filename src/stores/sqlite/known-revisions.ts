import { sql, type Kysely } from 'kysely'
import { LRUCache } from 'lru-cache'
import { firstRowOf, rowsOf, runAtOnce } from '../database/job.ts'
import { prepareQuery, type Placeholder } from '../database/prepared-query.ts'
import type { Database } from '../database/tables.ts'
import type { RunQuery } from './sqlite-query.ts'

/** The stored revisions of tasks in an SQLite file, mostly from memory. */
export interface KnownRevisions {
  /** The revisions that are stored now. Throws the errors of the database. */
  of(ids: readonly string[]): ReadonlyMap<string, number>
  /** Another number once another connection has committed. Throws the errors of the database. */
  fileVersion(): number
  /** Forgets a task. Must run in the transaction that changes its revision, so that nobody reads in between. */
  forget(id: string): void
}

/** Some 10 MB. */
const maxTasks = 100_000

/**
 * Asks the file whether another connection has committed, in place of reading every task. All reads are synchronous, so no
 * commit can come between the question and the answer. A commit of this connection goes unnoticed: its jobs call `forget`.
 */
export function createKnownRevisions(db: Kysely<Database>, runQuery: RunQuery): KnownRevisions {
  const known = new LRUCache<string, number>({ max: maxTasks })
  /** https://www.sqlite.org/pragma.html#pragma_data_version */
  const selectVersion = sql<{ data_version: number }>`pragma data_version`.compile(db)
  const selectRevisions = prepareQuery((value: Placeholder<{ ids: string }>) =>
    sql<{ id: string; revision: number }>`
      select id, revision from tasks where id in (select value from json_each(${value('ids')}))`.compile(db),
  )
  let version: number | undefined

  function fileVersion(): number {
    const row = runAtOnce(firstRowOf(selectVersion), runQuery)
    if (row === undefined) throw new Error('SQLite returned no data version.')
    return row.data_version
  }

  /** Must run before any read: what is read afterwards is at least as new as the version. */
  function forgetIfOthersWrote(): void {
    const latest = fileVersion()
    if (latest !== version) known.clear()
    version = latest
  }

  return {
    of(ids) {
      forgetIfOthersWrote()
      const revisions = new Map<string, number>()
      const unknownIds: string[] = []
      for (const id of ids) {
        const revision = known.get(id)
        if (revision === undefined) unknownIds.push(id)
        else revisions.set(id, revision)
      }
      if (unknownIds.length === 0) return revisions
      const rows = runAtOnce(rowsOf(selectRevisions({ ids: JSON.stringify(unknownIds) })), runQuery)
      for (const { id, revision } of rows) {
        known.set(id, revision)
        revisions.set(id, revision)
      }
      return revisions
    },
    fileVersion,
    forget: (id) => void known.delete(id),
  }
}
