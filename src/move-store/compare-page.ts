import type { Kysely, Selectable } from 'kysely'
import type { Database } from '../stores/database/tables.ts'
import { markOfTask } from '../stores/purge/tombstones.ts'

export type TaskRow = Selectable<Database['tasks']>
/** A key and the charge of its task, which decides whether the key is free. */
export type KeyRow = Selectable<Database['keys']> & { readonly charge: string }
/** A callback and the state of its task in the source. */
export type CallbackRow = Selectable<Database['callbacks']> & {
  readonly revision: number
  readonly due_at: number | null
}

export type TombstoneRow = Selectable<Database['tombstones']>

/** How a row of the source compares with the target. */
export type RowDiff =
  /** Missing in the target. */
  | 'new'
  /** The target has an older state of the row. */
  | 'behind'
  /** The target has the same row. */
  | 'same'
  /** The target has a newer state of the row, or has deleted its task: a gateway has been running on it. */
  | 'ahead'
  /** The target has another state of the same revision: gateways have been running on both. */
  | 'diverged'
  /** The provider task id or the key of the row refers to another task in the target. */
  | 'conflict'
  /** The task of the row is missing in the target. */
  | 'orphan'

export interface ComparedRow<Row> {
  readonly row: Row
  readonly diff: RowDiff
  /** The task in the source. */
  readonly taskId: string
  /** For a conflict, the other task in the target. */
  readonly otherTaskId: string | null
}

/** Compares a page of tasks with the target. */
export async function compareTasks(
  target: Kysely<Database>,
  page: readonly TaskRow[],
): Promise<ComparedRow<TaskRow>[]> {
  const targetTasks = await tasksOf(
    target,
    page.map(({ id }) => id),
  )
  const boundTasks = await boundTasksOf(target, page)
  const deleted = await deletedOf(
    target,
    page.map(({ id }) => id),
  )
  return page.map((row) => {
    const targetRow = targetTasks.get(row.id)
    const boundTask = boundTasks.get(boundTo(row)) ?? row.id
    const compared = (diff: RowDiff) => ({ row, diff, taskId: row.id, otherTaskId: null })
    if (deleted.has(row.id)) return compared('ahead')
    if (targetRow !== undefined && targetRow.revision > row.revision) return compared('ahead')
    if (targetRow?.revision === row.revision) return compared(targetRow.task === row.task ? 'same' : 'diverged')
    if (boundTask !== row.id) return { ...compared('conflict'), otherTaskId: boundTask }
    return compared(targetRow === undefined ? 'new' : 'behind')
  })
}

/** Compares a page of keys with the target. The tasks must have been copied before. */
export async function compareKeys(target: Kysely<Database>, page: readonly KeyRow[]): Promise<ComparedRow<KeyRow>[]> {
  const tasks = await tasksOf(
    target,
    page.map(({ task_id }) => task_id),
  )
  const targetKeys = await keysOf(target, page)
  const deleted = await deletedOf(
    target,
    page.map(({ task_id }) => task_id),
  )
  return page.map((row) => {
    const targetKey = targetKeys.get(nameOfKey(row))
    const compared = (diff: RowDiff) => ({ row, diff, taskId: row.task_id, otherTaskId: null })
    if (targetKey?.task_id === row.task_id && targetKey.fingerprint === row.fingerprint) {
      return compared(targetKey.confirmed < row.confirmed ? 'behind' : 'same')
    }
    if (deleted.has(row.task_id)) return compared('ahead')
    if (targetKey !== undefined && isFreeKey(row)) return compared('ahead')
    if (targetKey !== undefined && !isFreeKey(targetKey)) {
      return { ...compared('conflict'), otherTaskId: targetKey.task_id }
    }
    if (!tasks.has(row.task_id)) return compared('orphan')
    return compared(targetKey === undefined ? 'new' : 'behind')
  })
}

/** Compares a page of callbacks with the target. */
export async function compareCallbacks(
  target: Kysely<Database>,
  page: readonly CallbackRow[],
): Promise<ComparedRow<CallbackRow>[]> {
  const ids = page.map(({ id }) => id)
  const found = await target.selectFrom('callbacks').select('id').where('id', 'in', ids).execute()
  const known = new Set(found.map(({ id }) => id))
  const deleted = await deletedOf(
    target,
    page.map(({ task_id }) => task_id),
  )
  const tasks = await tasksOf(
    target,
    page.map(({ task_id }) => task_id),
  )
  return page.map((row) => {
    const task = tasks.get(row.task_id)
    const compared = (diff: RowDiff) => ({ row, diff, taskId: row.task_id, otherTaskId: null })
    if (known.has(row.id)) return compared('same')
    if (deleted.has(row.task_id)) return compared('ahead')
    if (task === undefined) return compared('orphan')
    // If the task has moved on, a gateway has processed the callback and deleted it.
    return compared(task.revision > row.revision ? 'ahead' : 'new')
  })
}

/** Compares a page of tombstones with the target. They never change. */
export async function compareTombstones(
  target: Kysely<Database>,
  page: readonly TombstoneRow[],
): Promise<ComparedRow<TombstoneRow>[]> {
  const marks = page.map(({ mark }) => mark)
  const found = await target.selectFrom('tombstones').select('mark').where('mark', 'in', marks).execute()
  const known = new Set(found.map(({ mark }) => mark))
  return page.map((row) => ({
    row,
    diff: known.has(row.mark) ? 'same' : 'new',
    taskId: row.mark,
    otherTaskId: null,
  }))
}

/** A key of a refused order can be used again, unless a caller has received its task. */
function isFreeKey({ charge, confirmed }: Pick<KeyRow, 'charge' | 'confirmed'>): boolean {
  return charge === 'NONE' && confirmed === 0
}

async function tasksOf(db: Kysely<Database>, ids: readonly string[]) {
  const rows = await db.selectFrom('tasks').select(['id', 'revision', 'task']).where('id', 'in', ids).execute()
  return new Map(rows.map((row) => [row.id, row]))
}

/** Which of the tasks were deleted. */
export async function deletedOf(db: Kysely<Database>, ids: readonly string[]): Promise<ReadonlySet<string>> {
  const byMark = new Map(ids.map((id) => [markOfTask(id), id]))
  if (byMark.size === 0) return new Set()
  const rows = await db
    .selectFrom('tombstones')
    .select('mark')
    .where('mark', 'in', [...byMark.keys()])
    .execute()
  return new Set(rows.flatMap(({ mark }) => byMark.get(mark) ?? []))
}

/** The tasks of the target that are bound to the provider task ids of the page. */
async function boundTasksOf(db: Kysely<Database>, page: readonly TaskRow[]): Promise<ReadonlyMap<string, string>> {
  const ids = new Map<string, string[]>()
  for (const { provider, provider_task_id: id } of page) if (id !== null) append(ids, provider, id)
  if (ids.size === 0) return new Map()
  const rows = await db
    .selectFrom('tasks')
    .select(['id', 'provider', 'provider_task_id'])
    .where((eb) =>
      eb.or([...ids].map(([provider, list]) => eb('provider', '=', provider).and('provider_task_id', 'in', list))),
    )
    .execute()
  return new Map(rows.map((row) => [boundTo(row), row.id]))
}

async function keysOf(db: Kysely<Database>, page: readonly KeyRow[]): Promise<ReadonlyMap<string, KeyRow>> {
  const keys = new Map<string, string[]>()
  for (const { owner, key } of page) append(keys, owner, key)
  const rows = await db
    .selectFrom('keys')
    .innerJoin('tasks', 'tasks.id', 'keys.task_id')
    .selectAll('keys')
    .select('tasks.charge')
    .where((eb) => eb.or([...keys].map(([owner, list]) => eb('keys.owner', '=', owner).and('keys.key', 'in', list))))
    .execute()
  return new Map(rows.map((row) => [nameOfKey(row), row]))
}

function append(lists: Map<string, string[]>, name: string, item: string): void {
  const list = lists.get(name)
  if (list === undefined) lists.set(name, [item])
  else list.push(item)
}

function boundTo({ provider, provider_task_id }: Pick<TaskRow, 'provider' | 'provider_task_id'>): string {
  return JSON.stringify([provider, provider_task_id])
}

function nameOfKey({ owner, key }: Pick<KeyRow, 'owner' | 'key'>): string {
  return JSON.stringify([owner, key])
}
