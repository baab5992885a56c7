import { sql, SqliteAdapter, type Kysely, type Migration } from 'kysely'
import { addPositions } from './positions.ts'
import { facetSql } from '../database/facet.ts'
import { addRateTables } from './rate-tables.ts'

/**
 * The suffix of migrations after which the previous version can still read and write the tables safely: they add a table,
 * an index, or an optional column with a default. An older version starts on a newer database only if every migration
 * that it does not know has this suffix: see docs/decisions/0019.
 */
export const compatibleSuffix = '.compatible'

/** Applied in the order of their names. Never change a migration that has been released. */
export const migrations: Record<string, Migration> = {
  '0001-tasks': {
    async up(db) {
      await db.schema
        .createTable('tasks')
        .addColumn('id', 'text', (column) => column.primaryKey())
        .addColumn('owner', 'text', (column) => column.notNull())
        .addColumn('provider', 'text', (column) => column.notNull())
        .addColumn('provider_task_id', 'text')
        .addColumn('type', 'text')
        .addColumn('status', 'text', (column) => column.notNull())
        .addColumn('charge', 'text', (column) => column.notNull())
        .addColumn('music_task_id', 'text')
        .addColumn('audio_id', 'text')
        .addColumn('created_at', 'bigint', (column) => column.notNull())
        .addColumn('revision', 'integer', (column) => column.notNull())
        .addColumn('due_at', 'bigint')
        .addColumn('task', 'text', (column) => column.notNull())
        .addUniqueConstraint('tasks_bound', ['provider', 'provider_task_id'])
        .execute()
      await db.schema.createIndex('tasks_listed').on('tasks').columns(['owner', 'created_at', 'id']).execute()
      for (const column of ['status', 'audio_id']) {
        await db.schema
          .createIndex(`tasks_listed_by_${column}`)
          .on('tasks')
          .columns(['owner', column, 'created_at', 'id'])
          .execute()
      }
      await db.schema.createIndex('tasks_due').on('tasks').columns(['provider', 'due_at']).execute()
      await db.schema
        .createIndex('tasks_of_track')
        .on('tasks')
        .columns(['owner', 'music_task_id', 'audio_id', 'provider', 'type', 'created_at'])
        .execute()
      await db.schema
        .createTable('keys')
        .addColumn('owner', 'text', (column) => column.notNull())
        .addColumn('key', 'text', (column) => column.notNull())
        .addColumn('fingerprint', 'text', (column) => column.notNull())
        .addColumn('task_id', 'text', (column) => column.notNull().references('tasks.id'))
        .addColumn('created_at', 'bigint', (column) => column.notNull())
        .addPrimaryKeyConstraint('keys_one', ['owner', 'key'])
        .execute()
      await db.schema.createIndex('keys_of_task').on('keys').column('task_id').execute()
      await db.schema
        .createTable('callbacks')
        .addColumn('id', 'text', (column) => column.primaryKey())
        .addColumn('task_id', 'text', (column) => column.notNull().references('tasks.id'))
        .addColumn('received_at', 'bigint', (column) => column.notNull())
        .addColumn('provider_task_id', 'text')
        .addColumn('payload', 'text')
        .execute()
      await db.schema.createIndex('callbacks_of_task').on('callbacks').columns(['task_id', 'received_at']).execute()
      await db.schema
        .createTable('secrets')
        .addColumn('name', 'text', (column) => column.primaryKey())
        .addColumn('value', 'text', (column) => column.notNull())
        .execute()
    },
  },
  '0002-handed-out': {
    async up(db) {
      await db.schema
        .alterTable('keys')
        .addColumn('confirmed', 'integer', (column) => column.notNull().defaultTo(0))
        .execute()
    },
  },
  '0003-woken-at': {
    async up(db) {
      await db.schema.alterTable('tasks').addColumn('callback_at', 'bigint').execute()
    },
  },
  '0006-leases': {
    async up(db) {
      await db.schema.alterTable('tasks').addColumn('lease_until', 'bigint').execute()
      await db.schema
        .alterTable('callbacks')
        .addColumn('rank', 'integer', (column) => column.notNull().defaultTo(1))
        .execute()
      // leaseDue() takes tasks with callbacks first; with this index it reads only the rows that it takes.
      await sql`create index tasks_due_called on tasks (provider, due_at) where callback_at is not null`.execute(db)
    },
  },
  // Replaces one index per combination of filters: see docs/decisions/0018.
  '0007-facets': {
    async up(db: Kysely<unknown>) {
      const dialect = db.getExecutor().adapter instanceof SqliteAdapter ? 'sqlite' : 'postgres'
      const facet = sql.raw(facetSql(dialect))
      for (const name of ['tasks_listed_by_status', 'tasks_listed_by_audio_id', 'tasks_of_track']) {
        await db.schema.dropIndex(name).execute()
      }
      await sql`create index tasks_by_facet on tasks (owner, ${facet}, created_at, id)`.execute(db)
      await sql`create index tasks_by_audio on tasks (owner, audio_id, ${facet}, created_at, id)`.execute(db)
      await sql`create index tasks_by_music on tasks (owner, music_task_id, ${facet}, created_at, id)`.execute(db)
      await sql`create index tasks_by_track on tasks (owner, music_task_id, audio_id, ${facet}, created_at, id)`.execute(
        db,
      )
      await sql`create index tasks_pending on tasks (provider, charge, created_at) where status = 'PENDING'`.execute(db)
      // PostgreSQL has no statistics on the index expression before an analyze.
      if (dialect === 'postgres') await sql`analyze tasks`.execute(db)
    },
  },
  // One row, written to test whether the database is writable.
  '0009-readiness': {
    async up(db) {
      await db.schema
        .createTable('readiness')
        .addColumn('id', 'integer', (column) => column.primaryKey())
        .addColumn('written_at', 'bigint', (column) => column.notNull())
        .execute()
    },
  },
  // leaseDue() reads the tasks with a recent callback alone, however many others are due. The condition is that of its query.
  '0010-recent-callbacks.compatible': {
    async up(db) {
      await sql`
        create index tasks_due_after_callback on tasks (provider, due_at)
        where callback_at is not null and due_at <= callback_at + 60000`.execute(db)
      await db.schema.dropIndex('tasks_due_called').execute()
    },
  },
  // Serves lists by reference, by its beginning, and by both with a facet. Tasks without a reference are not in it.
  '0011-references.compatible': {
    async up(db) {
      const isSqlite = db.getExecutor().adapter instanceof SqliteAdapter
      // PostgreSQL compares text by the rules of a language, unless told otherwise. SQLite compares bytes.
      await db.schema
        .alterTable('tasks')
        .addColumn('reference', isSqlite ? 'text' : sql`text collate "C"`)
        .execute()
      const facet = sql.raw(facetSql(isSqlite ? 'sqlite' : 'postgres'))
      await sql`
        create index tasks_by_reference on tasks (owner, reference, ${facet}, created_at, id)
        where reference is not null`.execute(db)
    },
  },
  '0012-stem-files.compatible': {
    async up(db) {
      await db.schema
        .createTable('stem_files')
        .addColumn('task_id', 'text', (column) => column.notNull())
        .addColumn('stem', 'text', (column) => column.notNull())
        .addColumn('address', 'text', (column) => column.notNull())
        .addColumn('size_bytes', 'bigint')
        .addColumn('format', 'text')
        .addColumn('duration_seconds', 'double precision')
        .addPrimaryKeyConstraint('stem_files_one', ['task_id', 'stem'])
        .execute()
    },
  },
  // Positions of changes: see docs/decisions/0033.
  '0013-positions.compatible': {
    up: (db: Kysely<unknown>) =>
      addPositions(db, db.getExecutor().adapter instanceof SqliteAdapter ? 'sqlite' : 'postgres'),
  },
  '0014-stem-peaks.compatible': {
    async up(db) {
      await db.schema
        .createTable('stem_peaks')
        .addColumn('task_id', 'text', (column) => column.notNull())
        .addColumn('stem', 'text', (column) => column.notNull())
        .addColumn('address', 'text', (column) => column.notNull())
        .addColumn('peaks', 'text')
        .addPrimaryKeyConstraint('stem_peaks_one', ['task_id', 'stem'])
        .execute()
    },
  },
  // Serves the orders that wait to be sent. It contains no other tasks.
  '0015-queued-orders.compatible': {
    async up(db) {
      await sql`
        create index tasks_queued on tasks (provider, owner, created_at, id)
        where status = 'PENDING' and charge = 'NONE'`.execute(db)
    },
  },
  '0016-archive.compatible': {
    async up(db) {
      await db.schema
        .createTable('archive_jobs')
        .addColumn('task_id', 'text', (column) => column.primaryKey())
        .addColumn('completed_at', 'bigint', (column) => column.notNull())
        .addColumn('due_at', 'bigint')
        .addColumn('lease_until', 'bigint')
        .addColumn('attempts', 'integer', (column) => column.notNull())
        .execute()
      await db.schema.createIndex('archive_jobs_due').on('archive_jobs').column('due_at').execute()
    },
  },
  // Counters of budgets. An older gateway counts nothing.
  '0017-budgets.compatible': {
    async up(db) {
      const isSqlite = db.getExecutor().adapter instanceof SqliteAdapter
      await db.schema.alterTable('tasks').addColumn('reserved', 'text').execute()
      await db.schema
        .createTable('budgets')
        .addColumn('owner', 'text', (column) => column.notNull())
        .addColumn('name', 'text', (column) => column.notNull())
        .addColumn('window_start', 'bigint', (column) => column.notNull())
        .addColumn('used', 'double precision', (column) => column.notNull())
        .addPrimaryKeyConstraint('budgets_one', ['owner', 'name', 'window_start'])
        // An order then writes one page of the file for its counters, and not another one for their index.
        .modifyEnd(isSqlite ? sql`without rowid` : sql``)
        .execute()
    },
  },
  // Messages about tasks. An older gateway stores none for the tasks that it changes.
  '0018-webhooks.compatible': {
    async up(db) {
      await db.schema
        .createTable('webhook_endpoints')
        .addColumn('id', 'text', (column) => column.primaryKey())
        .addColumn('owner', 'text', (column) => column.notNull())
        .addColumn('url', 'text', (column) => column.notNull())
        .addColumn('created_at', 'bigint', (column) => column.notNull())
        .addColumn('failing_since', 'bigint')
        .addColumn('paused_at', 'bigint')
        .addColumn('paused_why', 'text')
        .execute()
      await db.schema
        .createTable('task_webhooks')
        .addColumn('task_id', 'text', (column) => column.notNull())
        .addColumn('endpoint_id', 'text', (column) => column.notNull())
        .addPrimaryKeyConstraint('task_webhooks_one', ['task_id', 'endpoint_id'])
        .execute()
      await db.schema.createIndex('task_webhooks_by_endpoint_id').on('task_webhooks').column('endpoint_id').execute()
      await db.schema
        .createTable('webhook_messages')
        .addColumn('id', 'text', (column) => column.primaryKey())
        .addColumn('endpoint_id', 'text', (column) => column.notNull())
        .addColumn('owner', 'text', (column) => column.notNull())
        .addColumn('type', 'text', (column) => column.notNull())
        .addColumn('task_id', 'text')
        .addColumn('content', 'text', (column) => column.notNull())
        .addColumn('created_at', 'bigint', (column) => column.notNull())
        .addColumn('due_at', 'bigint')
        .addColumn('lease_until', 'bigint')
        .addColumn('failures', 'integer', (column) => column.notNull())
        .addColumn('last_answer', 'text')
        .execute()
      for (const column of ['due_at', 'endpoint_id', 'task_id']) {
        await db.schema.createIndex(`webhook_messages_by_${column}`).on('webhook_messages').column(column).execute()
      }
    },
  },
  // What the operator's commands need. The index contains only settled tasks of which nobody knows whether they are charged.
  '0019-operator.compatible': {
    async up(db) {
      await sql`
        create index tasks_uncertain on tasks (created_at, id)
        where charge = 'MAYBE' and status <> 'PENDING'`.execute(db)
      await db.schema
        .createTable('paused_providers')
        .addColumn('provider', 'text', (column) => column.primaryKey())
        .addColumn('reason', 'text')
        .addColumn('paused_at', 'bigint', (column) => column.notNull())
        .execute()
      await db.schema
        .createTable('callers')
        .addColumn('owner', 'text', (column) => column.notNull())
        .addColumn('credential', 'text', (column) => column.notNull())
        .addColumn('last_used_at', 'bigint', (column) => column.notNull())
        .addPrimaryKeyConstraint('callers_one', ['owner', 'credential'])
        .execute()
    },
  },
  // Tombstones of deleted tasks, and leases of work. An older gateway looks at neither.
  '0020-retention.compatible': {
    async up(db) {
      const isSqlite = db.getExecutor().adapter instanceof SqliteAdapter
      const withoutRowid = isSqlite ? sql`without rowid` : sql``
      await db.schema
        .createTable('tombstones')
        .addColumn('mark', isSqlite ? 'text' : sql`text collate "C"`, (column) => column.primaryKey())
        .addColumn('charge', 'text', (column) => column.notNull())
        .addColumn('day', 'integer', (column) => column.notNull())
        .modifyEnd(withoutRowid)
        .execute()
      await db.schema
        .createTable('leases')
        .addColumn('name', 'text', (column) => column.primaryKey())
        .addColumn('until', 'bigint', (column) => column.notNull())
        .execute()
    },
  },
  // Rates that gateways share without Redis. A file has one gateway, which counts in its memory.
  '0021-rates.compatible': {
    async up(db: Kysely<unknown>) {
      if (!(db.getExecutor().adapter instanceof SqliteAdapter)) await addRateTables(db)
    },
  },
}
