import { sql, type ExpressionBuilder, type Kysely } from 'kysely'
import { typeidUnboxed } from 'typeid-js'
import type { Cursor, Store } from '../separation/ports.ts'
import type { Task } from '../separation/task.ts'
import { placeOrder, type LockTrack } from './place-order.ts'
import type { Database } from './schema.ts'
import { columnsOf, parseStoredTask, parseStoredTold } from './stored-task.ts'

/** What the databases do each in its own way. */
export interface DatabaseWays {
  /** Runs work, again where its trouble may pass; gives every error the meaning that `Store` names. */
  readonly attempt: <T>(work: () => Promise<T>) => Promise<T>
  readonly lockTrack: LockTrack
  /** Whether rows that somebody else is just claiming can be passed over. */
  readonly skipsLocked: boolean
}

/** Due before everything that waits for its usual turn. */
const atOnce = 0
/** However many callbacks come, they have the provider asked for a task no more often, in milliseconds. */
const wakeRestMs = 2_000

/** The store on a database whose tables are up to date. */
export function createKyselyStore(db: Kysely<Database>, ways: DatabaseWays): Store {
  const { attempt, lockTrack, skipsLocked } = ways
  // Whatever the server's default is: who has waited for a lock has to see what was done under it.
  const transaction = () => db.transaction().setIsolationLevel('read committed')

  return {
    place: (order) => attempt(() => transaction().execute((trx) => placeOrder(trx, order, lockTrack))),

    adopt: (task, dueAtMs) =>
      attempt(async () => {
        await db
          .insertInto('tasks')
          .values({ ...columnsOf(task), due_at: dueAtMs })
          .onConflict((conflict) => conflict.columns(['provider', 'provider_task_id']).doNothing())
          .execute()
        const bearer = await db
          .selectFrom('tasks')
          .select('task')
          .where('provider', '=', task.provider)
          .where('provider_task_id', '=', task.providerTaskId)
          .executeTakeFirstOrThrow()
        return parseStoredTask(bearer.task)
      }),

    replace: (task) =>
      attempt(async () => {
        const { numUpdatedRows } = await db
          .updateTable('tasks')
          .set((eb) => ({ ...columnsOf(task), due_at: dueAfter(task, eb) }))
          .where('id', '=', task.id)
          .where('revision', '=', task.revision - 1)
          .executeTakeFirst()
        return numUpdatedRows > 0n
      }),

    find: (ids) =>
      attempt(async () => {
        if (ids.length === 0) return []
        const rows = await db.selectFrom('tasks').select('task').where('id', 'in', ids).execute()
        return rows.map((row) => parseStoredTask(row.task))
      }),

    findBound: (ids) =>
      attempt(async () => {
        if (ids.length === 0) return []
        const rows = await db
          .selectFrom('tasks')
          .select('task')
          .where((eb) => eb.or(ids.map((id) => eb.and({ provider: id.provider, provider_task_id: id.providerTaskId }))))
          .execute()
        return rows.map((row) => parseStoredTask(row.task))
      }),

    list: (owner, { where, after, before, limit, inverted }) =>
      attempt(async () => {
        let query = db.selectFrom('tasks').select('task').where('owner', '=', owner)
        if (where.status?.length === 0) return []
        if (where.status !== undefined) query = query.where('status', 'in', where.status)
        if (where.type !== undefined) query = query.where('type', '=', where.type)
        if (where.provider !== undefined) query = query.where('provider', '=', where.provider)
        if (where.audioId !== undefined) query = query.where('audio_id', '=', where.audioId)
        const beyond = (sign: '<' | '>', place: Cursor) =>
          (query = query.where(({ eb, refTuple, tuple }) =>
            eb(refTuple('created_at', 'id'), sign, tuple(place.createdAtMs, place.id)),
          ))
        if (after !== undefined) beyond('<', after)
        if (before !== undefined) beyond('>', before)
        const direction = inverted ? 'asc' : 'desc'
        const rows = await query.orderBy('created_at', direction).orderBy('id', direction).limit(limit).execute()
        return rows.map((row) => parseStoredTask(row.task))
      }),

    handOut: ({ owner, id }, key) =>
      attempt(async () => {
        await db
          .updateTable('keys')
          .set({ handed_out: 1 })
          .where('owner', '=', owner)
          .where('key', '=', key)
          .where('task_id', '=', id)
          .execute()
      }),

    note({ taskId, receivedAtMs, providerTaskId, told }) {
      const id = typeidUnboxed('cb')
      return attempt(() =>
        transaction().execute(async (trx) => {
          await trx
            .insertInto('callbacks')
            .values({
              id,
              task_id: taskId,
              received_at: receivedAtMs,
              provider_task_id: providerTaskId,
              told: told === null ? null : JSON.stringify(told),
            })
            // It may be there already without anybody having heard of it.
            .onConflict((conflict) => conflict.column('id').doNothing())
            .execute()
          await trx.updateTable('tasks').set(wokenBy(receivedAtMs)).where('id', '=', taskId).execute()
        }),
      )
    },

    notes: (taskId) =>
      attempt(async () => {
        const rows = await db
          .selectFrom('callbacks')
          .select(['received_at', 'provider_task_id', 'told'])
          .where('task_id', '=', taskId)
          .orderBy('received_at')
          .orderBy('id')
          .execute()
        return rows.map(({ received_at, provider_task_id, told }) => ({
          taskId,
          receivedAtMs: received_at,
          providerTaskId: provider_task_id,
          told: told === null ? null : parseStoredTold(told),
        }))
      }),

    claimDue: (provider, nowMs, leaseUntilMs, limit) =>
      attempt(async () => {
        const rows = await db
          // PostgreSQL might otherwise look for due tasks more than once, and claim more than the limit.
          .with(
            (cte) => cte('due').materialized(),
            (qc) =>
              qc
                .selectFrom('tasks')
                .select('id')
                .where('provider', '=', provider)
                .where('due_at', '<=', nowMs)
                // The words of a callback have seconds to be confirmed in, however many tasks wait for their usual turn.
                .orderBy(hasCallback, 'desc')
                .orderBy('due_at')
                .limit(limit)
                .$if(skipsLocked, (due) => due.forUpdate().skipLocked()),
          )
          .updateTable('tasks')
          .set({ due_at: leaseUntilMs })
          .where('id', 'in', (eb) => eb.selectFrom('due').select('id'))
          .returning('task')
          .execute()
        return rows.map((row) => parseStoredTask(row.task))
      }),

    renew: (taskIds, leaseUntilMs, laterMs) =>
      attempt(async () => {
        if (taskIds.length === 0) return
        await db
          .updateTable('tasks')
          .set({ due_at: laterMs })
          .where('id', 'in', taskIds)
          .where('due_at', '=', leaseUntilMs)
          .execute()
      }),

    release: (taskId, leaseUntilMs, dueAtMs) =>
      attempt(() =>
        transaction().execute(async (trx) => {
          const { numUpdatedRows } = await trx
            .updateTable('tasks')
            .set({ due_at: dueAtMs })
            .where('id', '=', taskId)
            .where('due_at', '=', leaseUntilMs)
            .executeTakeFirst()
          const isDone = dueAtMs === null && numUpdatedRows > 0n
          if (isDone) await trx.deleteFrom('callbacks').where('task_id', '=', taskId).execute()
        }),
      ),

    secret: (name, make) =>
      attempt(async () => {
        await db
          .insertInto('secrets')
          .values({ name, value: make() })
          .onConflict((conflict) => conflict.column('name').doNothing())
          .execute()
        const { value } = await db
          .selectFrom('secrets')
          .select('value')
          .where('name', '=', name)
          .executeTakeFirstOrThrow()
        return value
      }),

    ping: () =>
      attempt(async () => {
        await db.selectFrom('secrets').select('name').limit(1).execute()
      }),

    close: () => db.destroy(),
  }
}

/**
 * Due at once, or, if a callback has just made it so, when that has been a little while ago. Never left as it was: a claim
 * is known by that time, and its end would take this callback with it.
 */
function wokenBy(receivedAtMs: number) {
  const isRested = sql<boolean>`(woken_at is null or woken_at <= ${receivedAtMs - wakeRestMs})`
  const rested = sql<number>`woken_at + ${wakeRestMs}`
  return {
    due_at: sql<number>`case when ${isRested} then ${atOnce} when due_at = ${atOnce} then ${atOnce} else ${rested} end`,
    woken_at: sql<number>`case when ${isRested} then ${receivedAtMs} else woken_at end`,
  }
}

/** A task that was given up before its order was answered is asked for again once it is known by which id. */
function dueAfter({ providerTaskId }: Task, eb: ExpressionBuilder<Database, 'tasks'>) {
  if (providerTaskId === null) return eb.ref('due_at')
  const isNews = eb.and([eb('provider_task_id', 'is', null), eb('due_at', 'is', null)])
  return eb.case().when(isNews).then(atOnce).else(eb.ref('due_at')).end()
}

function hasCallback({ exists, selectFrom }: ExpressionBuilder<Database, 'tasks'>) {
  return exists(selectFrom('callbacks').select('id').whereRef('callbacks.task_id', '=', 'tasks.id'))
}
