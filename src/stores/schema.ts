import { sql, SqliteAdapter, type Kysely, type Migration } from 'kysely'
import { facetSql } from './facet.ts'

/** The tables as Kysely sees them. Times are milliseconds since 1970. */
export interface Database {
  tasks: {
    id: string
    owner: string
    provider: string
    provider_task_id: string | null
    type: string | null
    status: string
    charge: string
    /** null for an adopted task, which joins no order. */
    music_task_id: string | null
    audio_id: string | null
    created_at: number
    revision: number
    /** When the provider is to be asked next; null for never again, 0 for at once. */
    due_at: number | null
    /** When a callback last made it due at once; null if none did. */
    callback_at: number | null
    /** The end of the last claim's lease. The claim holds while `due_at` says the same. */
    lease_until: number | null
    /** The whole task as JSON; the other columns are what is searched by. */
    task: string
  }
  keys: {
    owner: string
    key: string
    fingerprint: string
    task_id: string
    created_at: number
    /** 1 once a caller was given the task for this key: it then leads there, even if the order is refused after all. */
    confirmed: number
  }
  callbacks: {
    id: string
    task_id: string
    received_at: number
    provider_task_id: string | null
    payload: string | null
    /** What is displaced first where a task has too many: 0 what only wakes a check, 1 a payload, 2 one that brings stems. */
    rank: number
  }
  secrets: { name: string; value: string }
}

/**
 * The name of a migration ends so if the version before it can work with the tables as they are afterwards, reading and
 * writing, and harms nothing: it adds a table, an index, or a column that has a default and that nobody needs to fill. An
 * older version starts on a newer database only if all that it does not know is such: see docs/decisions/0019.
 */
export const compatibleSuffix = '.compatible'

/** In the order of their names. One that has been released is never changed. */
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
      // A claim takes due tasks with callbacks first, and looks at no more rows than it takes.
      await sql`create index tasks_due_called on tasks (provider, due_at) where callback_at is not null`.execute(db)
    },
  },
  // In the place of an index for each combination of filters: see docs/decisions/0018.
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
      // PostgreSQL knows nothing of the expression before it has looked.
      if (dialect === 'postgres') await sql`analyze tasks`.execute(db)
    },
  },
  // One row, which is written to find out whether anything can be.
  '0009-readiness': {
    async up(db) {
      await db.schema
        .createTable('readiness')
        .addColumn('id', 'integer', (column) => column.primaryKey())
        .addColumn('written_at', 'bigint', (column) => column.notNull())
        .execute()
    },
  },
}
