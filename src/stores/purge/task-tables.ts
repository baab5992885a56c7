import type { Database } from '../database/tables.ts'

type TableWith<Column extends string> = {
  [Name in keyof Database]: Column extends keyof Database[Name] ? Name : never
}[keyof Database]

/**
 * Everything that is deleted with a task: the tables whose rows name it as `task_id`. A table that is missing here does not
 * compile, and fails a test.
 */
export const taskTables = namesOf({
  keys: true,
  callbacks: true,
  stem_files: true,
  stem_peaks: true,
  archive_jobs: true,
  task_webhooks: true,
  webhook_messages: true,
} satisfies Record<TableWith<'task_id'>, true>)

/** What is deleted with an owner after its tasks: the other tables whose rows name it as `owner`. A key always has a task. */
export const ownerTables = namesOf({
  budgets: true,
  callers: true,
  webhook_messages: true,
  webhook_endpoints: true,
} satisfies Record<Exclude<TableWith<'owner'>, 'tasks' | 'keys'>, true>)

function namesOf<Name extends string>(tables: Readonly<Record<Name, true>>): readonly Name[] {
  return Object.keys(tables).filter((name): name is Name => name in tables)
}
