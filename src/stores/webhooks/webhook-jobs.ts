import { sql, type Kysely, type RawBuilder } from 'kysely'
import type { ToldChange } from '../../separation/webhooks/told-change.ts'
import type { WebhookEndpoint } from '../../separation/webhooks/webhook-endpoint.ts'
import type { WebhookDraft, WebhookType } from '../../separation/store/webhook-queue.ts'
import { firstRowOf, rowsWrittenBy, type Job } from '../database/job.ts'
import { prepareQuery, type Placeholder } from '../database/prepared-query.ts'
import type { Database } from '../database/tables.ts'

/** The jobs that store who is told of a task, and what. */
export interface WebhookJobs {
  /** Whether the endpoint is told of the task. Writes nothing. */
  isTold(taskId: string, endpoint: WebhookEndpoint): Job<boolean>
  /**
   * Tells an endpoint of a task from now on. If the task is settled, tells it at once. Does nothing if the endpoint is told of
   * the task already.
   */
  add(taskId: string, endpoint: WebhookEndpoint, atMs: number): Job<void>
  /** Stores a message for each endpoint that is told of the task, about the task as this transaction has written it. */
  tell(taskId: string, change: ToldChange, atMs: number): Job<void>
  /** Stores other messages. */
  send(drafts: readonly WebhookDraft[]): Job<void>
}

/** The id of a message about a revision of a task. It has no full stop, which separates the parts of what is signed. */
const messageId = sql<string>`'msg_' || substr(tasks.id, 5) || '_' || tasks.revision || '_' || substr(webhook_endpoints.id, 5)`

interface NewMessages {
  readonly type: RawBuilder<WebhookType>
  readonly atMs: RawBuilder<number>
  readonly hasRowLocks: boolean
}

/**
 * Stores a message about each task that is told, for each of its endpoints. Nothing is due while an endpoint is paused.
 * On PostgreSQL, the tasks are kept from being deleted, and the endpoints from being paused or resumed, until the transaction
 * ends. Otherwise a message of a deleted task could remain, or one could be held at an endpoint that is no longer paused.
 * @param condition on `tasks` and `task_webhooks`
 * @param onConflict what happens to a message that is stored already
 */
export function insertMessages(
  { type, atMs, hasRowLocks }: NewMessages,
  condition: RawBuilder<unknown>,
  onConflict: RawBuilder<unknown>,
): RawBuilder<unknown> {
  return sql`
    insert into webhook_messages (id, endpoint_id, owner, type, task_id, content, created_at, due_at, failures)
    select ${messageId}, webhook_endpoints.id, webhook_endpoints.owner, ${type}, tasks.id, tasks.task,
      cast(${atMs} as bigint), case when webhook_endpoints.paused_at is null then cast(${atMs} as bigint) end, 0
    from tasks
    join task_webhooks on task_webhooks.task_id = tasks.id
    join webhook_endpoints on webhook_endpoints.id = task_webhooks.endpoint_id
    where ${condition} ${hasRowLocks ? sql`for share of tasks, webhook_endpoints` : sql``}
    on conflict (id) do ${onConflict}`
}

const nothing = sql`nothing`

export function createWebhookJobs(db: Kysely<Database>, hasRowLocks: boolean): WebhookJobs {
  const lockEndpoint = prepareQuery((value: Placeholder<Pick<WebhookEndpoint, 'id'>>) =>
    db.selectFrom('webhook_endpoints').select('id').where('id', '=', value('id')).forKeyShare(),
  )
  type Target = { readonly taskId: string; readonly endpointId: string }
  const insertEndpoint = prepareQuery((value: Placeholder<WebhookEndpoint & { atMs: number }>) =>
    db
      .insertInto('webhook_endpoints')
      .values({ id: value('id'), owner: value('owner'), url: value('url'), created_at: value('atMs') })
      .onConflict((conflict) => conflict.column('id').doNothing()),
  )
  const insertTarget = prepareQuery((value: Placeholder<Target>) =>
    db
      .insertInto('task_webhooks')
      .values({ task_id: value('taskId'), endpoint_id: value('endpointId') })
      .onConflict((conflict) => conflict.columns(['task_id', 'endpoint_id']).doNothing()),
  )
  const selectTarget = prepareQuery((value: Placeholder<Target>) =>
    db
      .selectFrom('task_webhooks')
      .select('task_id')
      .where('task_id', '=', value('taskId'))
      .where('endpoint_id', '=', value('endpointId')),
  )
  const lockTask = prepareQuery((value: Placeholder<Target>) =>
    db.selectFrom('tasks').select('id').where('id', '=', value('taskId')).forShare(),
  )
  const tellOne = prepareQuery((value: Placeholder<Target & { atMs: number }>) =>
    insertMessages(
      { type: sql`'separation.settled'`, atMs: value('atMs'), hasRowLocks },
      sql`tasks.id = ${value('taskId')} and tasks.status <> 'PENDING'
        and task_webhooks.endpoint_id = ${value('endpointId')}`,
      nothing,
    ).compile(db),
  )
  const tellAll = prepareQuery((value: Placeholder<{ taskId: string; change: ToldChange; atMs: number }>) =>
    insertMessages(
      { type: sql`cast(${value('change')} as text)`, atMs: value('atMs'), hasRowLocks },
      sql`tasks.id = ${value('taskId')}`,
      nothing,
    ).compile(db),
  )

  /** Stores the endpoint. Until the transaction ends, it is not deleted: SQLite has one writer, PostgreSQL a lock for it. */
  function* keepEndpoint(endpoint: WebhookEndpoint, atMs: number): Job<void> {
    if (!hasRowLocks) {
      yield* rowsWrittenBy(insertEndpoint({ ...endpoint, atMs }))
      return
    }
    // Another transaction may store it after the look for it, and a third one delete it before the next look.
    while ((yield* firstRowOf(lockEndpoint(endpoint))) === undefined) {
      if ((yield* rowsWrittenBy(insertEndpoint({ ...endpoint, atMs }))) > 0) return
    }
  }

  return {
    *isTold(taskId, { id: endpointId }) {
      return (yield* firstRowOf(selectTarget({ taskId, endpointId }))) !== undefined
    },

    *add(taskId, endpoint, atMs) {
      const target = { taskId, endpointId: endpoint.id }
      // Whoever settles the task meanwhile waits for this transaction, and then finds the endpoint.
      if (hasRowLocks && (yield* firstRowOf(lockTask(target))) === undefined) return
      yield* keepEndpoint(endpoint, atMs)
      if ((yield* rowsWrittenBy(insertTarget(target))) > 0) yield* rowsWrittenBy(tellOne({ ...target, atMs }))
    },

    *tell(taskId, change, atMs) {
      yield* rowsWrittenBy(tellAll({ taskId, change, atMs }))
    },

    *send(drafts) {
      for (const { id, endpoint, type, data, createdAtMs } of drafts) {
        yield* keepEndpoint(endpoint, createdAtMs)
        yield* rowsWrittenBy(
          sql`
            insert into webhook_messages (id, endpoint_id, owner, type, content, created_at, due_at, failures)
            select ${id}, id, owner, ${type}, ${data}, cast(${createdAtMs} as bigint),
              case when paused_at is null then cast(${createdAtMs} as bigint) end, 0
            from webhook_endpoints where id = ${endpoint.id} ${hasRowLocks ? sql`for share` : sql``}
            on conflict (id) do nothing`.compile(db),
        )
      }
    },
  }
}
