import type { Kysely, Transaction } from 'kysely'
import type { CallbackRow, ComparedRow, KeyRow, TaskRow, RowDiff } from './compare-page.ts'
import type { Database } from '../stores/schema.ts'

/** The tasks after this one, in the order of their ids. */
export async function readTasks(db: Kysely<Database>, after: TaskRow | null, limit: number): Promise<TaskRow[]> {
  let query = db.selectFrom('tasks').selectAll().orderBy('id').limit(limit)
  if (after !== null) query = query.where('id', '>', after.id)
  return query.execute()
}

/** The keys after this one, in the order of their owners. */
export async function readKeys(db: Kysely<Database>, after: KeyRow | null, limit: number): Promise<KeyRow[]> {
  let query = db
    .selectFrom('keys')
    .innerJoin('tasks', 'tasks.id', 'keys.task_id')
    .selectAll('keys')
    .select('tasks.charge')
    .orderBy('keys.owner')
    .orderBy('keys.key')
    .limit(limit)
  if (after !== null) {
    query = query.where(({ eb, refTuple, tuple }) =>
      eb(refTuple('keys.owner', 'keys.key'), '>', tuple(after.owner, after.key)),
    )
  }
  return query.execute()
}

/** The callbacks after this one, in the order of their ids. */
export async function readCallbacks(
  db: Kysely<Database>,
  after: CallbackRow | null,
  limit: number,
): Promise<CallbackRow[]> {
  let query = db
    .selectFrom('callbacks')
    .innerJoin('tasks', 'tasks.id', 'callbacks.task_id')
    .selectAll('callbacks')
    .select(['tasks.revision', 'tasks.due_at'])
    .orderBy('callbacks.id')
    .limit(limit)
  if (after !== null) query = query.where('callbacks.id', '>', after.id)
  return query.execute()
}

/** Writes what the target lacks, and brings up to date what has moved on. */
export async function writeTasks(trx: Transaction<Database>, compared: readonly ComparedRow<TaskRow>[]): Promise<void> {
  const rows = rowsOf(compared, 'new')
  // A gateway on the target may be quicker; the comparison then tells.
  if (rows.length > 0) {
    await trx
      .insertInto('tasks')
      .values(rows)
      .onConflict((conflict) => conflict.doNothing())
      .execute()
  }
  for (const row of rowsOf(compared, 'behind')) {
    await trx.updateTable('tasks').set(row).where('id', '=', row.id).where('revision', '<', row.revision).execute()
  }
}

/** Writes what the target lacks, and leads anew what leads nowhere there. */
export async function writeKeys(trx: Transaction<Database>, compared: readonly ComparedRow<KeyRow>[]): Promise<void> {
  const keyOf = ({ charge: _charge, ...key }: KeyRow) => key
  const rows = rowsOf(compared, 'new').map(keyOf)
  if (rows.length > 0) {
    await trx
      .insertInto('keys')
      .values(rows)
      .onConflict((conflict) => conflict.doNothing())
      .execute()
  }
  for (const row of rowsOf(compared, 'behind').map(keyOf)) {
    const refused = trx.selectFrom('tasks').select('id').where('charge', '=', 'NONE')
    await trx
      .updateTable('keys')
      .set(row)
      .where('owner', '=', row.owner)
      .where('key', '=', row.key)
      // A gateway on the target may just have led it elsewhere: it is taken from nobody.
      .where(({ eb, and, or }) =>
        or([eb('task_id', '=', row.task_id), and([eb('confirmed', '=', 0), eb('task_id', 'in', refused)])]),
      )
      .execute()
  }
}

/** Writes what the target lacks, and sees to it that somebody looks at it. */
export async function writeCallbacks(
  trx: Transaction<Database>,
  compared: readonly ComparedRow<CallbackRow>[],
): Promise<void> {
  const rows = rowsOf(compared, 'new')
  if (rows.length === 0) return
  await trx
    .insertInto('callbacks')
    .values(rows.map(({ revision: _revision, due_at: _dueAt, ...callback }) => callback))
    .onConflict((conflict) => conflict.doNothing())
    .execute()
  // It may have come to a task that is there already, with its revision, and is to be looked at only later or never.
  for (const { task_id, due_at } of rows) {
    if (due_at === null) continue
    await trx
      .updateTable('tasks')
      .set({ due_at })
      .where('id', '=', task_id)
      .where((eb) => eb.or([eb('due_at', 'is', null), eb('due_at', '>', due_at)]))
      .execute()
  }
}

function rowsOf<Row>(compared: readonly ComparedRow<Row>[], diff: RowDiff): Row[] {
  return compared.filter((each) => each.diff === diff).map(({ row }) => row)
}
