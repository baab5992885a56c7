import type { Kysely, Transaction } from 'kysely'
import type { CallbackRow, ComparedRow, KeyRow, TaskRow, TombstoneRow, RowDiff } from './compare-page.ts'
import type { Database } from '../stores/database/tables.ts'

/** The tasks after `after`, ordered by id. */
export async function readTasks(db: Kysely<Database>, after: TaskRow | null, limit: number): Promise<TaskRow[]> {
  let query = db.selectFrom('tasks').selectAll().orderBy('id').limit(limit)
  if (after !== null) query = query.where('id', '>', after.id)
  return query.execute()
}

/** The keys after `after`, ordered by owner and key. */
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

/** The callbacks after `after`, ordered by id. */
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

/** The tombstones after `after`, ordered by mark. */
export async function readTombstones(
  db: Kysely<Database>,
  after: TombstoneRow | null,
  limit: number,
): Promise<TombstoneRow[]> {
  let query = db.selectFrom('tombstones').selectAll().orderBy('mark').limit(limit)
  if (after !== null) query = query.where('mark', '>', after.mark)
  return query.execute()
}

/** Inserts the new tombstones. */
export async function writeTombstones(
  trx: Transaction<Database>,
  compared: readonly ComparedRow<TombstoneRow>[],
): Promise<void> {
  const rows = rowsOf(compared, 'new')
  if (rows.length === 0) return
  await trx
    .insertInto('tombstones')
    .values(rows)
    .onConflict((conflict) => conflict.doNothing())
    .execute()
}

/** Inserts the new tasks and updates those that are behind. The budgets of their owners are counted anew. */
export async function writeTasks(trx: Transaction<Database>, compared: readonly ComparedRow<TaskRow>[]): Promise<void> {
  const rows = rowsOf(compared, 'new')
  // A gateway on the target may insert a conflicting task first; the comparison afterwards reports it.
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
  const owners = [...rows, ...rowsOf(compared, 'behind')].map(({ owner }) => owner)
  if (owners.length > 0)
    await trx
      .deleteFrom('budgets')
      .where('owner', 'in', [...new Set(owners)])
      .execute()
}

/** Inserts the new keys and updates those that are behind. */
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
      // A gateway on the target may have used the key for another order meanwhile: keep its task.
      .where(({ eb, and, or }) =>
        or([eb('task_id', '=', row.task_id), and([eb('confirmed', '=', 0), eb('task_id', 'in', refused)])]),
      )
      .execute()
  }
}

/** Inserts the new callbacks and makes their tasks due. */
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
  // The target may already have the task at the same revision, but due later or never.
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
