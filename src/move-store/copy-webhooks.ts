import type { Kysely, Selectable, Transaction } from 'kysely'
import type { Database } from '../stores/database/tables.ts'
import { deletedOf } from './compare-page.ts'
import type { OpenDatabase } from './open-database.ts'

export interface CopyWebhooksOptions {
  readonly source: OpenDatabase
  readonly target: OpenDatabase
  /** The number of rows per transaction. */
  readonly pageSize: number
}

type Told = Selectable<Database['task_webhooks']>
type Message = Selectable<Database['webhook_messages']>

/**
 * Copies which endpoints are told of which tasks, and the messages about tasks that were not delivered yet, but not those of tasks
 * that the target has deleted. Rows that the target has stay as they are. A message that the target has delivered since an earlier
 * run is copied again: its receiver knows it by its id. Call it before the tasks are copied: gateways on the target then tell each
 * task that they settle.
 */
export async function copyWebhooks(options: CopyWebhooksOptions): Promise<void> {
  const { source, pageSize } = options

  async function notDeleted<R extends { readonly task_id: string | null }>(target: Kysely<Database>, page: R[]) {
    const ids = page.flatMap(({ task_id: taskId }) => taskId ?? [])
    const deleted = await deletedOf(target, ids)
    return page.filter(({ task_id: taskId }) => taskId === null || !deleted.has(taskId))
  }

  await copyPages<Told>('task_webhooks', options, {
    read(after) {
      const rows = source.db.selectFrom('task_webhooks').selectAll().orderBy('task_id').orderBy('endpoint_id')
      return rows
        .where(({ eb, refTuple, tuple }) =>
          eb(refTuple('task_id', 'endpoint_id'), '>', tuple(after?.task_id ?? '', after?.endpoint_id ?? '')),
        )
        .limit(pageSize)
        .execute()
    },
    choose: notDeleted,
  })
  await copyPages<Message>('webhook_messages', options, {
    read: (after) => messagesAfter(options, after, 'is not'),
    choose: notDeleted,
  })
}

/**
 * Copies the messages that are not about a task, which are the warnings of budgets, but not those of callers that the target has
 * forgotten. Call it after the tasks were copied: a caller without a task is then a forgotten one.
 */
export async function copyBudgetWarnings(options: CopyWebhooksOptions): Promise<void> {
  await copyPages<Message>('webhook_messages', options, {
    read: (after) => messagesAfter(options, after, 'is'),
    async choose(target, page) {
      const owners = [...new Set(page.map(({ owner }) => owner))]
      const rows = await target.selectFrom('tasks').select('owner').distinct().where('owner', 'in', owners).execute()
      const known = new Set(rows.map(({ owner }) => owner))
      return page.filter(({ owner }) => known.has(owner))
    },
  })
}

/** @param isNull whether they are those without a task (`is`) or about one (`is not`) */
async function messagesAfter(
  { source, pageSize }: CopyWebhooksOptions,
  after: Message | undefined,
  isNull: 'is' | 'is not',
): Promise<Message[]> {
  const all = source.db.selectFrom('webhook_messages').selectAll().where('task_id', isNull, null)
  const page = await all
    .where('id', '>', after?.id ?? '')
    .orderBy('id')
    .limit(pageSize)
    .execute()
  // Earlier versions stored times with fractions in SQLite. PostgreSQL refuses them.
  return page.map((row) => ({ ...row, due_at: row.due_at === null ? null : Math.round(row.due_at) }))
}

interface Pages<R> {
  /** The rows of the source after this one. */
  readonly read: (after: R | undefined) => Promise<R[]>
  /** Those of a page that the target should have. */
  readonly choose: (target: Kysely<Database>, page: R[]) => Promise<R[]>
}

async function copyPages<R extends Told | Message>(
  table: 'task_webhooks' | 'webhook_messages',
  { source, target }: CopyWebhooksOptions,
  { read, choose }: Pages<R>,
): Promise<void> {
  let last: R | undefined
  do {
    const after = last
    const page: R[] = await source.attempt(() => read(after))
    last = page.at(-1)
    if (page.length === 0) continue
    const ids = [...new Set(page.map((row) => row.endpoint_id))]
    const endpoints = await source.attempt(() =>
      source.db.selectFrom('webhook_endpoints').selectAll().where('id', 'in', ids).execute(),
    )
    await target.attempt(() =>
      target.db.transaction().execute(async (trx) => {
        const rows = await choose(trx, page)
        if (rows.length === 0) return
        const used = new Set(rows.map((row) => row.endpoint_id))
        await writeEndpoints(
          trx,
          endpoints.filter(({ id }) => used.has(id)),
        )
        await trx
          .insertInto(table)
          .values(rows)
          .onConflict((conflict) => conflict.doNothing())
          .execute()
      }),
    )
  } while (last !== undefined)
}

/**
 * Inserts the new endpoints. The others stay as they are, but are locked until what refers to them is stored: a gateway on the
 * target deletes endpoints that nothing refers to.
 */
async function writeEndpoints(
  trx: Transaction<Database>,
  rows: readonly Selectable<Database['webhook_endpoints']>[],
): Promise<void> {
  if (rows.length === 0) return
  await trx
    .insertInto('webhook_endpoints')
    .values(rows)
    .onConflict((conflict) =>
      conflict.column('id').doUpdateSet(({ ref }) => ({ created_at: ref('webhook_endpoints.created_at') })),
    )
    .execute()
}
