import type { Kysely, Selectable } from 'kysely'
import type { Database } from '../stores/schema.ts'

export type TaskRow = Selectable<Database['tasks']>
/** With what the key's task costs, which says whether the key leads there. */
export type KeyRow = Selectable<Database['keys']> & { readonly charge: string }
/** With what the source knows of the callback's task. */
export type CallbackRow = Selectable<Database['callbacks']> & {
  readonly revision: number
  readonly due_at: number | null
}

/** How a row of the source stands to what the target holds. */
export type RowDiff =
  /** The target lacks it. */
  | 'new'
  /** The target holds an earlier state of it. */
  | 'behind'
  /** The target holds it. */
  | 'there'
  /** The target holds a later state of it: a gateway has been running there. */
  | 'ahead'
  /** The target holds another state of the same revision: gateways have been running on both. */
  | 'diverged'
  /** What it stands for leads to another task on the target: the provider's id of a task, a key. */
  | 'taken'
  /** The target lacks the task that it belongs to. */
  | 'orphan'

export interface ComparedRow<Row> {
  readonly row: Row
  readonly diff: RowDiff
  /** The source's task. */
  readonly taskId: string
  /** The task of the target's that stands in its place. */
  readonly otherTaskId: string | null
}

/** Compares a page of the source's tasks with the target. */
export async function compareTasks(
  target: Kysely<Database>,
  page: readonly TaskRow[],
): Promise<ComparedRow<TaskRow>[]> {
  const there = await tasksOf(
    target,
    page.map(({ id }) => id),
  )
  const boundTasks = await boundTasksOf(target, page)
  return page.map((row) => {
    const own = there.get(row.id)
    const boundTask = boundTasks.get(boundTo(row)) ?? row.id
    const compared = (diff: RowDiff) => ({ row, diff, taskId: row.id, otherTaskId: null })
    if (own !== undefined && own.revision > row.revision) return compared('ahead')
    if (own?.revision === row.revision) return compared(own.task === row.task ? 'there' : 'diverged')
    if (boundTask !== row.id) return { ...compared('taken'), otherTaskId: boundTask }
    return compared(own === undefined ? 'new' : 'behind')
  })
}

/** Compares a page of the source's keys with the target, whose tasks have been brought up to the source's. */
export async function compareKeys(target: Kysely<Database>, page: readonly KeyRow[]): Promise<ComparedRow<KeyRow>[]> {
  const tasks = await tasksOf(
    target,
    page.map(({ task_id }) => task_id),
  )
  const there = await keysOf(target, page)
  return page.map((row) => {
    const own = there.get(nameOfKey(row))
    const compared = (diff: RowDiff) => ({ row, diff, taskId: row.task_id, otherTaskId: null })
    if (own?.task_id === row.task_id && own.fingerprint === row.fingerprint) {
      return compared(own.confirmed < row.confirmed ? 'behind' : 'there')
    }
    if (own !== undefined && isFreeKey(row)) return compared('ahead')
    if (own !== undefined && !isFreeKey(own)) return { ...compared('taken'), otherTaskId: own.task_id }
    if (!tasks.has(row.task_id)) return compared('orphan')
    return compared(own === undefined ? 'new' : 'behind')
  })
}

/** Compares a page of the source's callbacks with the target. */
export async function compareCallbacks(
  target: Kysely<Database>,
  page: readonly CallbackRow[],
): Promise<ComparedRow<CallbackRow>[]> {
  const ids = page.map(({ id }) => id)
  const there = await target.selectFrom('callbacks').select('id').where('id', 'in', ids).execute()
  const known = new Set(there.map(({ id }) => id))
  const tasks = await tasksOf(
    target,
    page.map(({ task_id }) => task_id),
  )
  return page.map((row) => {
    const task = tasks.get(row.task_id)
    const compared = (diff: RowDiff) => ({ row, diff, taskId: row.task_id, otherTaskId: null })
    if (known.has(row.id)) return compared('there')
    if (task === undefined) return compared('orphan')
    // A gateway has dealt with it, and forgotten it.
    return compared(task.revision > row.revision ? 'ahead' : 'new')
  })
}

/** A key whose order was refused is free for another one, unless a caller was given its task. */
function isFreeKey({ charge, confirmed }: Pick<KeyRow, 'charge' | 'confirmed'>): boolean {
  return charge === 'NONE' && confirmed === 0
}

async function tasksOf(db: Kysely<Database>, ids: readonly string[]) {
  const rows = await db.selectFrom('tasks').select(['id', 'revision', 'task']).where('id', 'in', ids).execute()
  return new Map(rows.map((row) => [row.id, row]))
}

/** Which tasks of the target bear the provider's ids that the source's tasks bear. */
async function boundTasksOf(db: Kysely<Database>, page: readonly TaskRow[]): Promise<ReadonlyMap<string, string>> {
  const ids = new Map<string, string[]>()
  for (const { provider, provider_task_id: id } of page) if (id !== null) append(ids, provider, id)
  if (ids.size === 0) return new Map()
  const rows = await db
    .selectFrom('tasks')
    .select(['id', 'provider', 'provider_task_id'])
    .where((eb) => eb.or([...ids].map(([of, some]) => eb('provider', '=', of).and('provider_task_id', 'in', some))))
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
    .where((eb) => eb.or([...keys].map(([of, some]) => eb('keys.owner', '=', of).and('keys.key', 'in', some))))
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
