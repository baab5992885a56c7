import type { Selectable } from 'kysely'
import type { Database } from '../stores/database/tables.ts'
import { deletedOf } from './compare-page.ts'
import type { OpenDatabase } from './open-database.ts'

export interface CopyWebhooksOptions {
  readonly source: OpenDatabase
  readonly target: OpenDatabase
  /** The number of rows per transaction. */
  readonly pageSize: number
}

type Row<Table extends keyof Database> = Selectable<Database[Table]>

/**
 * Copies which endpoints are told of which tasks, and the messages that were not delivered yet, but not those of tasks that the
 * target has deleted. Rows that the target has stay as they are. A message that the target has delivered since an earlier run is
 * copied again: its receiver knows it by its id.
 */
export async function copyWebhooks({ source, target, pageSize }: CopyWebhooksOptions): Promise<void> {
  await copy<Row<'task_webhooks'>>('task_webhooks', (after) => {
    const last = after ?? { task_id: '', endpoint_id: '' }
    const rows = source.db.selectFrom('task_webhooks').selectAll().orderBy('task_id').orderBy('endpoint_id')
    return rows
      .where(({ eb, refTuple, tuple }) =>
        eb(refTuple('task_id', 'endpoint_id'), '>', tuple(last.task_id, last.endpoint_id)),
      )
      .limit(pageSize)
      .execute()
  })
  await copy<Row<'webhook_messages'>>('webhook_messages', (after) => {
    const rows = source.db.selectFrom('webhook_messages').selectAll().orderBy('id').limit(pageSize)
    return rows.where('id', '>', after?.id ?? '').execute()
  })

  async function copy<R extends Row<'task_webhooks'> | Row<'webhook_messages'>>(
    table: 'task_webhooks' | 'webhook_messages',
    read: (after: R | undefined) => Promise<R[]>,
  ): Promise<void> {
    let last: R | undefined
    do {
      const after = last
      const page: R[] = await source.attempt(() => read(after))
      last = page.at(-1)
      const ids = page.flatMap(({ task_id: taskId }) => taskId ?? [])
      const deleted = await target.attempt(() => deletedOf(target.db, ids))
      const rows = page.filter(({ task_id: taskId }) => taskId === null || !deleted.has(taskId))
      if (rows.length === 0) continue
      await copyEndpoints(rows.map((row) => row.endpoint_id))
      await target.attempt(() =>
        target.db
          .insertInto(table)
          .values(rows)
          .onConflict((conflict) => conflict.doNothing())
          .execute(),
      )
    } while (last !== undefined)
  }

  /** Before the rows that name them: a gateway on the target tells no task without its endpoint. */
  async function copyEndpoints(ids: readonly string[]): Promise<void> {
    const rows = await source.attempt(() =>
      source.db.selectFrom('webhook_endpoints').selectAll().where('id', 'in', ids).execute(),
    )
    if (rows.length === 0) return
    await target.attempt(() =>
      target.db
        .insertInto('webhook_endpoints')
        .values(rows)
        .onConflict((conflict) => conflict.doNothing())
        .execute(),
    )
  }
}
