import { sql, type Kysely } from 'kysely'
import type { Dialect } from '../database/facet.ts'

/** The database's time in milliseconds since 1970. */
const now = {
  sqlite: "cast((julianday('now') - 2440587.5) * 86400000 as integer)",
  postgres: 'floor(extract(epoch from clock_timestamp()) * 1000)::bigint',
} as const satisfies Record<Dialect, string>

/** A position after that of every change of the owner that is visible: the time, unless one of them is later. */
function nextPosition(dialect: Dialect): string {
  const greatest = dialect === 'sqlite' ? 'max' : 'greatest'
  return `${greatest}(${now[dialect]}, coalesce((select max(changed_at) from tasks where owner = new.owner), 0) + 1)`
}

/**
 * Gives each change of a task its position among the changes of the task's owner. Triggers do it, so that a change by an older
 * gateway gets one too. A row that is copied from another database keeps the position that it brings, until it changes.
 */
export async function addPositions(db: Kysely<unknown>, dialect: Dialect): Promise<void> {
  await db.schema.alterTable('tasks').addColumn('changed_at', 'bigint').execute()
  await db.schema.createIndex('tasks_changed').on('tasks').columns(['owner', 'changed_at', 'id']).execute()
  for (const statement of triggers[dialect]) await sql.raw(statement).execute(db)
}

const positionRow = `update tasks set changed_at = ${nextPosition('sqlite')} where id = new.id;`

const triggers: Readonly<Record<Dialect, readonly string[]>> = {
  sqlite: [
    `create trigger tasks_inserted after insert on tasks when new.changed_at is null begin ${positionRow} end`,
    `create trigger tasks_changed after update of revision on tasks
      when new.revision <> old.revision and new.changed_at is old.changed_at begin ${positionRow} end`,
  ],
  postgres: [
    // The search path is fixed, because tools that restore a backup work with an empty one.
    `create function position_task() returns trigger language plpgsql set search_path from current as $$
      begin
        new.changed_at := ${nextPosition('postgres')};
        return new;
      end $$`,
    `create trigger tasks_inserted before insert on tasks
      for each row when (new.changed_at is null) execute function position_task()`,
    `create trigger tasks_changed before update of revision on tasks
      for each row when (new.revision <> old.revision and new.changed_at is not distinct from old.changed_at)
      execute function position_task()`,
  ],
}
