import type { Kysely } from 'kysely'
import { firstTaskIdAt, newTaskId } from '../../../src/separation/task/task-id.ts'
import type { Database } from '../../../src/stores/database/tables.ts'
import { columnsOf } from '../../../src/stores/task/stored-task.ts'
import { succeededTask } from '../../support/tasks.ts'
import type { PurgeEvidence } from './evidence.ts'

/** Tasks of other callers that stand in the database before a run. */
export interface OldTasks {
  /** What became of them. */
  read(): Promise<PurgeEvidence>
  /** How many have been deleted: faster than `read`. */
  countDeleted(): Promise<number>
  /** Ends the lease for deleting them, as if time had passed. The next gateway that looks for old tasks goes on. */
  endLease(): Promise<void>
  /** Whether some have been deleted since the last look, or none for so long that nobody seems to do it. */
  look(): Promise<'done' | 'moving' | 'waiting' | 'stalled'>
}

export interface OldTasksOptions {
  /** Writes to the database; it is not used later. */
  readonly db: Kysely<Database>
  /** Asks the database itself. */
  readonly query: (sql: string) => Promise<readonly Record<string, unknown>[]>
  /** How many are old enough to be deleted. A tenth as many are not. */
  readonly count: number
}

/** How long gateways keep tasks, in days: the variable TASKS_KEPT_DAYS. */
export const keptDays = 31
const owners = { expired: 'key:expired', young: 'key:young' }
const createdDaysAgo = 50
/** When they were changed last. */
const changedDaysAgo = { expired: createdDaysAgo, young: keptDays - 1 }
const youngShare = 0.1
const dayMs = 24 * 60 * 60_000
const atATime = 200
const stalledMs = 4_000

/** Stores the tasks, each with an idempotency key. */
export async function storeOldTasks({ db, query, count }: OldTasksOptions): Promise<OldTasks> {
  const stored = { expired: count, young: Math.ceil(count * youngShare) }
  for (const kind of ['expired', 'young'] as const) {
    await store(db, { owner: owners[kind], count: stored[kind], changedDaysAgo: changedDaysAgo[kind] })
  }
  let last = { deleted: 0, atMs: performance.now() }

  async function read(): Promise<PurgeEvidence> {
    const ofOwner = (owner: string) => `
      (select count(*) from tasks where owner = '${owner}') as "tasks",
      (select count(*) from keys where owner = '${owner}') as "keys",
      (select count(*) from tasks join keys on keys.task_id = tasks.id where tasks.owner = '${owner}') as "whole"`
    const numbers = async (sql: string) => {
      const [row] = await query(sql)
      return Object.fromEntries(Object.entries(row ?? {}).map(([name, value]) => [name, Number(value)]))
    }
    // In one statement, so that nothing is deleted in between.
    const {
      tasks = 0,
      keys = 0,
      whole = 0,
      deleted = 0,
      marks = 0,
    } = await numbers(`select ${ofOwner(owners.expired)},
      (select count(*) from tombstones where mark like 't%') as "deleted", (select count(*) from tombstones) as "marks"`)
    const young = await numbers(`select ${ofOwner(owners.young)}`)
    // A task leaves the marks of its id, of the provider's id for it, and of its key.
    const halves = tasks - whole + (keys - whole) + Math.abs(marks - 3 * deleted)
    return {
      expired: { stored: stored.expired, whole, halves, deleted },
      young: { stored: stored.young, whole: young['whole'] ?? 0 },
    }
  }

  return {
    read,
    async countDeleted() {
      const [row] = await query("select count(*) as n from tombstones where mark like 't%'")
      return Number(row?.['n'])
    },
    endLease: async () => void (await query('delete from leases')),
    async look() {
      const { whole, deleted } = (await read()).expired
      if (whole === 0) return 'done'
      const atMs = performance.now()
      const isMoving = deleted !== last.deleted
      if (!isMoving && atMs - last.atMs < stalledMs) return 'waiting'
      last = { deleted, atMs }
      return isMoving ? 'moving' : 'stalled'
    },
  }
}

async function store(
  db: Kysely<Database>,
  options: { readonly owner: string; readonly count: number; readonly changedDaysAgo: number },
): Promise<void> {
  const { owner, count } = options
  const createdAtMs = Date.now() - createdDaysAgo * dayMs
  const changedAtMs = Date.now() - options.changedDaysAgo * dayMs
  for (let from = 0; from < count; from += atATime) {
    const tasks = Array.from({ length: Math.min(atATime, count - from) }, () => {
      const id = `${firstTaskIdAt(createdAtMs).slice(0, 14)}${newTaskId().slice(14)}`
      return succeededTask({ id, owner, providerTaskId: `old-${id}`, createdAtMs })
    })
    const rows = tasks.map((task) => ({ ...columnsOf(task), due_at: null, changed_at: changedAtMs }))
    await db.insertInto('tasks').values(rows).execute()
    const keys = tasks.map(({ id }) => ({ owner, key: id, fingerprint: 'f', task_id: id, created_at: createdAtMs }))
    await db
      .insertInto('keys')
      .values(keys.map((key) => ({ ...key, confirmed: 1 })))
      .execute()
  }
}
