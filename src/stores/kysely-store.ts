import { sql, type Kysely, type SqlBool } from 'kysely'
import type { Task } from '../separation/task/task.ts'
import { createArchiveQueue, createMakeArchiveDue } from './archive/archive-queue.ts'
import { createBudgetJobs, isCounted } from './order/budgets.ts'
import { createCallbackInbox } from './check/callback-inbox.ts'
import type { DatabaseTraits } from './database/database-traits.ts'
import { readBacklog } from './check/read-backlog.ts'
import { createCheckQueue, createSetDue } from './check/check-queue.ts'
import { dueNow, type Database } from './database/tables.ts'
import { countTasks } from './read/count-tasks.ts'
import { createTaskDeleter } from './purge/delete-tasks.ts'
import { latestPosition, listChanges } from './read/list-changes.ts'
import { listTasks } from './read/list-tasks.ts'
import { createOrderJobs } from './order/create-order.ts'
import type { Dialect } from './database/facet.ts'
import { createOperatorStore } from './operator/operator-store.ts'
import { createOrderQueueReader } from './order/queued-orders.ts'
import { firstRowOf, rowsOf, rowsWrittenBy, type Job } from './database/job.ts'
import { prepareQuery, type Placeholder } from './database/prepared-query.ts'
import { createStemFiles } from './archive/stem-files.ts'
import { columnsOf, parseStoredPage, parseStoredTask } from './task/stored-task.ts'
import { createTombstoneJobs, markOfBinding, markOfTask } from './purge/tombstones.ts'
import { createUpdateTask } from './task/update-task.ts'
import { createWebhookJobs } from './webhooks/webhook-jobs.ts'
import { createWebhookControl } from './webhooks/webhook-control.ts'
import { createWebhookQueue } from './webhooks/webhook-queue.ts'
import { changeTotals } from './read/change-totals.ts'
import { createWorkLeases } from './purge/work-leases.ts'
import type { NewOrder } from '../separation/store/order-writer.ts'
import type { Store } from '../separation/store/store.ts'

/** A literal, as in the index `tasks_pending`: SQLite does not use the index for a parameter. */
const isPending = sql<SqlBool>`status = 'PENDING'`

/** Up to how many ids are looked up one by one. On SQLite this is cheaper than to build a query; on PostgreSQL each is a round trip. */
const maxLookupsOf = { sqlite: 20, postgres: 1 } as const satisfies Record<Dialect, number>

/** Creates the store on a database that is migrated. `db` only builds queries: `traits` runs them. */
export function createKyselyStore(db: Kysely<Database>, traits: DatabaseTraits): Store {
  const { read, write, transact } = traits
  const budgets = createBudgetJobs(db)
  const tombstones = createTombstoneJobs(db)
  const webhooks = createWebhookJobs(db, traits.hasRowLocks)
  const { findEarlierTask, createOrder } = createOrderJobs(db, { ...traits, budgets, tombstones, webhooks })
  const setDue = createSetDue(db)
  const updateTask = createUpdateTask(db)
  const makeArchiveDue = createMakeArchiveDue(db)
  const selectTask = prepareQuery((value: Placeholder<{ id: string }>) =>
    db.selectFrom('tasks').select('task').where('id', '=', value('id')),
  )
  const maxLookups = maxLookupsOf[traits.dialect]

  function* tasksOf(ids: readonly string[]): Job<readonly Task[]> {
    const rows: { readonly task: string }[] = []
    if (ids.length > maxLookups) {
      rows.push(...(yield* rowsOf(db.selectFrom('tasks').select('task').where('id', 'in', ids))))
    } else {
      for (const id of new Set(ids)) rows.push(...(yield* rowsOf(selectTask({ id }))))
    }
    return rows.map((row) => parseStoredTask(row.task))
  }

  /** Finds out without a transaction that an order will be refused. */
  async function exceededBudget({ task, claims = [] }: NewOrder) {
    return claims.length === 0 ? null : read(() => budgets.findExceeded(task.owner, claims))
  }

  return {
    nowMs: traits.clock.nowMs,

    async createOrder(order) {
      if (!order.isAdmitted) {
        let earlier = await read(() => findEarlierTask(order))
        if (earlier === null) {
          const exceeded = await exceededBudget(order)
          if (exceeded === null) return { kind: 'not-admitted' }
          // The budget may be used up by an equal order that another gateway has stored since that read.
          earlier = await read(() => findEarlierTask(order))
          if (earlier === null) return exceeded
        }
        if (earlier.isComplete) return earlier.result
      }
      return traits.inOwnersTurn(order.task.owner, () => transact(() => createOrder(order)))
    },

    adopt: (task, dueAtMs, { archiveAtMs, webhook } = {}) =>
      transact(function* () {
        const { provider, providerTaskId } = task
        const mark = providerTaskId === null ? null : markOfBinding({ provider, providerTaskId })
        if (mark !== null && (yield* tombstones.find(mark)) !== null) return null
        const inserted = yield* rowsWrittenBy(
          db
            .insertInto('tasks')
            .values({ ...columnsOf(task), due_at: dueAtMs })
            .onConflict((conflict) => conflict.columns(['provider', 'provider_task_id']).doNothing()),
        )
        // The task that was bound to the id may have been deleted while the insert waited for it.
        if (inserted > 0 && mark !== null && (yield* tombstones.find(mark)) !== null) {
          yield* rowsWrittenBy(db.deleteFrom('tasks').where('id', '=', task.id))
          return null
        }
        const boundTask = yield* firstRowOf(
          db
            .selectFrom('tasks')
            .select('task')
            .where('provider', '=', task.provider)
            .where('provider_task_id', '=', task.providerTaskId),
        )
        if (boundTask === undefined) throw new Error('A task that was adopted is not stored.')
        if (inserted > 0 && archiveAtMs !== undefined) yield* makeArchiveDue(task, archiveAtMs)
        if (inserted > 0 && webhook !== undefined) yield* webhooks.add(task.id, webhook, task.updatedAtMs)
        return parseStoredTask(boundTask.task)
      }),

    isDeleted: (taskId) =>
      read(function* () {
        return (yield* tombstones.find(markOfTask(taskId))) !== null
      }),

    restore: (task) =>
      transact(function* () {
        if ((yield* tombstones.find(markOfTask(task.id))) !== null) return false
        yield* rowsWrittenBy(
          db
            .insertInto('tasks')
            .values({ ...columnsOf(task), due_at: dueNow })
            .onConflict((conflict) => conflict.column('id').doNothing()),
        )
        yield* budgets.drop(task.owner)
        return true
      }),

    replace(task, before, due, { archiveAtMs, told } = {}) {
      const query = updateTask(task, before)
      function* replaceTask() {
        traits.onRevision(task.id)
        return (yield* rowsWrittenBy(query)) > 0
      }
      const isRecounted = isCounted(task) !== isCounted(before)
      const isPlain = due === undefined && archiveAtMs === undefined && told === undefined && !isRecounted
      if (isPlain) return write(replaceTask)
      return transact(function* () {
        const isWritten = yield* replaceTask()
        if (isWritten && isRecounted) yield* budgets.recount(task, before)
        if (isWritten && due !== undefined) yield* setDue(task.id, due)
        if (isWritten && archiveAtMs !== undefined) yield* makeArchiveDue(task, archiveAtMs)
        if (isWritten && told !== undefined) yield* webhooks.tell(task.id, told, task.updatedAtMs)
        return isWritten
      })
    },

    find: (ids) => read(() => tasksOf(ids)),

    revisions: traits.revisions,
    foreignCommits: traits.foreignCommits,

    findBound: (ids) =>
      read(function* () {
        if (ids.length === 0) return []
        const rows = yield* rowsOf(
          db
            .selectFrom('tasks')
            .select('task')
            .where((eb) =>
              eb.or(ids.map((id) => eb.and({ provider: id.provider, provider_task_id: id.providerTaskId }))),
            ),
        )
        return rows.map((row) => parseStoredTask(row.task))
      }),

    list: (owner, page) =>
      read(function* () {
        return parseStoredPage(yield* listTasks(db, traits.dialect, owner, page))
      }),

    count: (owner, where, limit) => read(() => countTasks(db, traits.dialect, owner, where, limit)),

    changes: (owner, page) => read(() => listChanges(db, owner, page)),

    latestPosition: (owner) => read(() => latestPosition(db, owner)),

    changeTotals: (owners) => read(() => changeTotals(db, traits.dialect, owners)),

    findUnbound: (provider, limit) =>
      read(function* () {
        const rows = yield* rowsOf(
          db
            .selectFrom('tasks')
            .select('task')
            .where('provider', '=', provider)
            .where(isPending)
            .where('charge', 'in', ['MAYBE', 'CHARGED'])
            .where('provider_task_id', 'is', null)
            .orderBy('created_at', 'desc')
            .limit(limit),
        )
        return rows.map((row) => parseStoredTask(row.task))
      }),

    backlog: (overdueBeforeMs) => read(() => readBacklog(db, overdueBeforeMs)),

    confirmKey: ({ owner, id }, key) =>
      write(function* () {
        yield* rowsWrittenBy(
          db
            .updateTable('keys')
            .set({ confirmed: 1 })
            .where('owner', '=', owner)
            .where('key', '=', key)
            .where('task_id', '=', id)
            .where('confirmed', '=', 0),
        )
      }),

    rateCounter: traits.rateCounter,
    archive: createArchiveQueue(db, traits),
    webhooks: { ...createWebhookQueue(db, traits), ...createWebhookControl(db, traits) },
    operator: createOperatorStore(db, traits),
    budgetsUsed: (owner, counters) => read(() => budgets.used(owner, counters)),

    ...createCheckQueue(db, traits),
    ...createOrderQueueReader(db, read),
    ...createCallbackInbox(db, traits),
    ...createStemFiles(db, traits),
    ...createTaskDeleter(db, traits),
    ...createWorkLeases(db, traits),

    secret: (name, make) =>
      write(function* () {
        yield* rowsWrittenBy(
          db
            .insertInto('secrets')
            .values({ name, value: make() })
            .onConflict((conflict) => conflict.column('name').doNothing()),
        )
        const stored = yield* firstRowOf(db.selectFrom('secrets').select('value').where('name', '=', name))
        if (stored === undefined) throw new Error('A secret that was made is not stored.')
        return stored.value
      }),

    checkWritable: () =>
      write(function* () {
        const nowMs = Date.now()
        yield* rowsWrittenBy(
          sql`
            insert into readiness (id, written_at) values (1, ${nowMs})
            on conflict (id) do update set written_at = ${nowMs}`.compile(db),
        )
      }),

    close: traits.close,
  }
}
