import { sql, SqliteAdapter, type Generated, type Kysely, type Migration } from 'kysely'
import { addPositions } from './positions.ts'
import { facetSql } from './facet.ts'
import { addRateTables } from './rate-tables.ts'

/** The tables for Kysely. Times are milliseconds since 1970. */
export interface Database {
  tasks: {
    id: string
    owner: string
    provider: string
    provider_task_id: string | null
    type: string | null
    status: string
    charge: string
    /** null for an adopted task: it answers no order. */
    music_task_id: string | null
    audio_id: string | null
    /** The caller's own text. Compared by bytes in every database, whatever its collation. */
    reference: string | null
    created_at: number
    revision: number
    /** When the next check is due; 0 means now, null never. */
    due_at: number | null
    /** When a callback last made the task due now; null if none did. */
    callback_at: number | null
    /** The end of the last lease. The lease is held while `due_at` has the same value. */
    lease_until: number | null
    /** The position of the task's last change; null for one that was last changed before positions were kept. Set by triggers. */
    changed_at: Generated<number | null>
    /** What the order has taken from budgets, as JSON; null if it claimed nothing. Never changes. */
    reserved: Generated<string | null>
    /** The whole task as JSON; the other columns exist for queries. */
    task: string
  }
  keys: {
    owner: string
    key: string
    fingerprint: string
    task_id: string
    created_at: number
    /** 1 once a caller has received the task for this key: the key keeps referring to it even if the order is refused later. */
    confirmed: number
  }
  callbacks: {
    id: string
    task_id: string
    received_at: number
    provider_task_id: string | null
    payload: string | null
    /** Lower ranks are deleted first if a task has too many: 0 no usable payload, 1 a payload, 2 a payload with stems. */
    rank: number
  }
  /** Facts of stem files, which are gathered again if they are lost. */
  stem_files: {
    task_id: string
    stem: string
    /** Identifies the provider's address of the file. */
    address: string
    size_bytes: number | null
    format: string | null
    duration_seconds: number | null
  }
  /** Waveforms of stem files, which are computed again if they are lost. */
  stem_peaks: {
    task_id: string
    stem: string
    address: string
    /** Bytes in base64; null for a file that cannot be decoded. */
    peaks: string | null
  }
  /** The work of the archive: see `ArchiveQueue`. */
  archive_jobs: {
    task_id: string
    /** When the task was completed, from which the deletion of its copies is counted. */
    completed_at: number
    /** When the work is due; 0 means now. null: there is none any more. */
    due_at: number | null
    /** The end of the last lease. The lease is held while `due_at` has the same value. */
    lease_until: Generated<number | null>
    attempts: number
  }
  /** What an owner has ordered in a day or month. A missing counter is counted anew from the tasks. */
  budgets: {
    owner: string
    /** See `BudgetCounter.name`. */
    name: string
    window_start: number
    used: number
  }
  /** Where messages are sent: see `WebhookEndpoint`. */
  webhook_endpoints: {
    id: string
    owner: string
    url: string
    created_at: number
    /** Since when every attempt has failed; null if the last one succeeded. */
    failing_since: Generated<number | null>
    /** Since when nothing is sent, and why; null while messages are sent. */
    paused_at: Generated<number | null>
    paused_why: Generated<string | null>
  }
  /** Which endpoints are told of a task. */
  task_webhooks: { task_id: string; endpoint_id: string }
  /** The messages that were not delivered yet: see `WebhookMessage`. */
  webhook_messages: {
    id: string
    endpoint_id: string
    owner: string
    type: string
    /** null for a message that is not about a task. */
    task_id: Generated<string | null>
    /** The task as it was then, as in `tasks.task`, or the data of another message as JSON. */
    content: string
    created_at: number
    /** When it is sent next; null: it is kept, and not sent. */
    due_at: number | null
    /** The end of the last lease. The lease is held while `due_at` has the same value. */
    lease_until: Generated<number | null>
    failures: number
    last_answer: Generated<string | null>
  }
  secrets: { name: string; value: string }
  /** The providers that get no new orders because the operator has paused them. */
  paused_providers: {
    provider: string
    /** The operator's own text; null if none was given. */
    reason: string | null
    paused_at: number
  }
  /** When the gateways last let callers in. */
  callers: {
    owner: string
    /** Which of the caller's keys, see `CallerUse`; empty for a caller without keys. */
    credential: string
    last_used_at: number
  }
  /** What is left of deleted tasks. Nothing is ever deleted here. */
  tombstones: {
    /** A hash of what it stands for. */
    mark: string
    charge: string
    /** When the task was ordered, in days since 1970. */
    day: number
  }
  /** See `WorkLeases`. */
  leases: {
    name: string
    until: number
  }
}

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
