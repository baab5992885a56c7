import type { Selectable } from 'kysely'
import type { Database } from '../stores/schema.ts'
import type { OpenDatabase } from './open-database.ts'

export interface CopyWebhooksOptions {
  readonly source: OpenDatabase
  readonly target: OpenDatabase
  /** The number of rows per transaction. */
  readonly pageSize: number
}

type Row<Table extends keyof Database> = Selectable<Database[Table]>

/**
 * Copies which endpoints are told of which tasks, and the messages that were not delivered yet. Rows that the target has stay as
 * they are. A message that the target has delivered since an earlier run is copied again: its receiver knows it by its id.
 */
export async function copyWebhooks({ source, target, pageSize }: CopyWebhooksOptions): Promise<void> {
  await copy<Row<'webhook_endpoints'>>(
    (after) => {
      const rows = source.db.selectFrom('webhook_endpoints').selectAll().orderBy('id').limit(pageSize)
      return rows.where('id', '>', after?.id ?? '').execute()
    },
    (rows) => {
      const insert = target.db.insertInto('webhook_endpoints').values(rows)
      return insert.onConflict((conflict) => conflict.doNothing()).execute()
    },
  )
  await copy<Row<'task_webhooks'>>(
    (after) => {
      const last = after ?? { task_id: '', endpoint_id: '' }
      const rows = source.db.selectFrom('task_webhooks').selectAll().orderBy('task_id').orderBy('endpoint_id')
      return rows
        .where(({ eb, refTuple, tuple }) =>
          eb(refTuple('task_id', 'endpoint_id'), '>', tuple(last.task_id, last.endpoint_id)),
        )
        .limit(pageSize)
        .execute()
    },
    (rows) => {
      const insert = target.db.insertInto('task_webhooks').values(rows)
      return insert.onConflict((conflict) => conflict.doNothing()).execute()
    },
  )
  await copy<Row<'webhook_messages'>>(
    (after) => {
      const rows = source.db.selectFrom('webhook_messages').selectAll().orderBy('id').limit(pageSize)
      return rows.where('id', '>', after?.id ?? '').execute()
    },
    (rows) => {
      const insert = target.db.insertInto('webhook_messages').values(rows)
      return insert.onConflict((conflict) => conflict.doNothing()).execute()
    },
  )

  async function copy<R>(
    read: (after: R | undefined) => Promise<R[]>,
    write: (rows: R[]) => Promise<unknown>,
  ): Promise<void> {
    let last: R | undefined
    do {
      const after = last
      const rows: R[] = await source.attempt(() => read(after))
      if (rows.length > 0) await target.attempt(() => write(rows))
      last = rows.at(-1)
    } while (last !== undefined)
  }
}
