import { sql, type ExpressionBuilder, type Kysely, type SqlBool } from 'kysely'
import { providerNames, type Task } from '../separation/task.ts'
import { createCallbackInbox } from './callback-inbox.ts'
import { readCommittedTransaction, type DatabaseTraits } from './database-traits.ts'
import { createCheckQueue, dueNow, endLease } from './check-queue.ts'
import { listTasks } from './list-tasks.ts'
import { createOrder } from './create-order.ts'
import type { Database } from './schema.ts'
import { changedColumns, columnsOf, parseStoredPage, parseStoredTask } from './stored-task.ts'
import type { Store } from '../separation/store.ts'

/** A literal, as in the index `tasks_pending`: SQLite does not use the index for a parameter. */
const isPending = sql<SqlBool>`status = 'PENDING'`

/** Creates the store on a database that is migrated. */
export function createKyselyStore(db: Kysely<Database>, traits: DatabaseTraits): Store {
  const { attempt } = traits

  return {
    nowMs: traits.clock.nowMs,

    createOrder: (order) =>
      attempt(() => readCommittedTransaction(db).execute((trx) => createOrder(trx, order, traits))),

    adopt: (task, dueAtMs) =>
      attempt(async () => {
        await db
          .insertInto('tasks')
          .values({ ...columnsOf(task), due_at: dueAtMs })
          .onConflict((conflict) => conflict.columns(['provider', 'provider_task_id']).doNothing())
          .execute()
        const boundTask = await db
          .selectFrom('tasks')
          .select('task')
          .where('provider', '=', task.provider)
          .where('provider_task_id', '=', task.providerTaskId)
          .executeTakeFirstOrThrow()
        return parseStoredTask(boundTask.task)
      }),

    restore: (task) =>
      attempt(async () => {
        await db
          .insertInto('tasks')
          .values({ ...columnsOf(task), due_at: dueNow })
          .onConflict((conflict) => conflict.column('id').doNothing())
          .execute()
      }),

    replace: (task, before, leaseEnd) =>
      attempt(() =>
        readCommittedTransaction(db).execute(async (trx) => {
          const { numUpdatedRows } = await trx
            .updateTable('tasks')
            .set((eb) => ({ ...changedColumns(task, before), due_at: dueAfter(task, eb) }))
            .where('id', '=', task.id)
            .where('revision', '=', task.revision - 1)
            .executeTakeFirst()
          const isWritten = numUpdatedRows > 0n
          if (isWritten && leaseEnd !== undefined) await endLease(trx, task.id, leaseEnd)
          return isWritten
        }),
      ),

    find: (ids) =>
      attempt(async () => {
        if (ids.length === 0) return []
        const rows = await db.selectFrom('tasks').select('task').where('id', 'in', ids).execute()
        return rows.map((row) => parseStoredTask(row.task))
      }),

    revisions: (ids) =>
      attempt(async () => {
        if (ids.length === 0) return new Map()
        const rows = await db.selectFrom('tasks').select(['id', 'revision']).where('id', 'in', ids).execute()
        return new Map(rows.map(({ id, revision }) => [id, revision]))
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

    list: (owner, page) => attempt(async () => parseStoredPage(await listTasks(db, traits.dialect, owner, page))),

    findUnbound: (provider, limit) =>
      attempt(async () => {
        const rows = await db
          .selectFrom('tasks')
          .select('task')
          .where('provider', '=', provider)
          .where(isPending)
          .where('charge', 'in', ['MAYBE', 'CHARGED'])
          .where('provider_task_id', 'is', null)
          .orderBy('created_at', 'desc')
          .limit(limit)
          .execute()
        return rows.map((row) => parseStoredTask(row.task))
      }),

    countPending: () =>
      attempt(async () => {
        const rows = await db
          .selectFrom('tasks')
          .select(({ fn }) => ['provider', fn.countAll<number>().as('count')])
          .where(isPending)
          .groupBy('provider')
          .execute()
        return new Map(
          providerNames.flatMap((name) => rows.filter((row) => row.provider === name).map((row) => [name, row.count])),
        )
      }),

    confirmKey: ({ owner, id }, key) =>
      attempt(async () => {
        await db
          .updateTable('keys')
          .set({ confirmed: 1 })
          .where('owner', '=', owner)
          .where('key', '=', key)
          .where('task_id', '=', id)
          .where('confirmed', '=', 0)
          .execute()
      }),

    ...createCheckQueue(db, traits),
    ...createCallbackInbox(db, traits),

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

    checkWritable: () =>
      attempt(async () => {
        const nowMs = Date.now()
        await sql`
          insert into readiness (id, written_at) values (1, ${nowMs})
          on conflict (id) do update set written_at = ${nowMs}`.execute(db)
      }),

    close: traits.close,
  }
}

/** A task that was given up before its order was answered is checked again once its provider task id is known. */
function dueAfter({ providerTaskId }: Task, eb: ExpressionBuilder<Database, 'tasks'>) {
  if (providerTaskId === null) return eb.ref('due_at')
  const wasGivenUp = eb.and([eb('provider_task_id', 'is', null), eb('due_at', 'is', null)])
  return eb.case().when(wasGivenUp).then(dueNow).else(eb.ref('due_at')).end()
}
