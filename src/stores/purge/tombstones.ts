import { createHash } from 'node:crypto'
import type { Kysely } from 'kysely'
import { groupsOf } from '../../runtime/groups-of.ts'
import type { Tombstone } from '../../separation/store/order-writer.ts'
import type { Charge } from '../../separation/task/task.ts'
import { firstRowOf, rowsWrittenBy, type Job } from '../database/job.ts'
import { prepareQuery, type Placeholder } from '../database/prepared-query.ts'
import type { Database } from '../database/tables.ts'

/** What is left of deleted tasks: see docs/decisions/0048. */
export interface TombstoneJobs {
  /** The tombstone of a mark; null if there is none. */
  find(mark: string): Job<Tombstone | null>
  add(rows: readonly Database['tombstones'][]): Job<void>
}

const dayMs = 24 * 60 * 60_000
/** Characters of a hash: 96 bits. */
const hashLength = 16
/** Rows per statement: a database limits its parameters. */
const atATime = 1_000

export function createTombstoneJobs(db: Kysely<Database>): TombstoneJobs {
  const select = prepareQuery((value: Placeholder<{ mark: string }>) =>
    db.selectFrom('tombstones').select(['charge', 'day']).where('mark', '=', value('mark')),
  )
  return {
    *find(mark) {
      const row = yield* firstRowOf(select({ mark }))
      return row === undefined ? null : { charge: chargeOf(row.charge), orderedAtMs: row.day * dayMs }
    },
    *add(rows) {
      for (const group of groupsOf(rows, atATime)) {
        yield* rowsWrittenBy(
          db
            .insertInto('tombstones')
            .values(group)
            .onConflict((conflict) => conflict.doNothing()),
        )
      }
    },
  }
}

/** The day of a time in milliseconds since 1970, in days since 1970. */
export function dayOf(timeMs: number): number {
  return Math.floor(timeMs / dayMs)
}

/** The mark of a task. */
export function markOfTask(taskId: string): string {
  return markOf('t', [taskId])
}

/** The mark of a provider's task id that a task was bound to. */
export function markOfBinding({ provider, providerTaskId }: { provider: string; providerTaskId: string }): string {
  return markOf('p', [provider, providerTaskId])
}

/** The mark of an idempotency key of a caller. */
export function markOfKey({ owner, key }: { readonly owner: string; readonly key: string }): string {
  return markOf('k', [owner, key])
}

/** The letter says what is hashed. Nobody can read the names out of a mark. */
function markOf(kind: 't' | 'p' | 'k', names: readonly string[]): string {
  const hash = createHash('sha256')
    .update(JSON.stringify([kind, ...names]))
    .digest('base64url')
  return `${kind}${hash.slice(0, hashLength)}`
}

/** A stored charge. One that this version does not know may be a charge. */
export function chargeOf(text: string): Charge {
  return text === 'NONE' || text === 'CHARGED' ? text : 'MAYBE'
}
