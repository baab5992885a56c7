import { Kysely, Migrator, type ExpressionBuilder, type Transaction } from 'kysely'
import { typeidUnboxed } from 'typeid-js'
import type { Cursor, Key, Placed, Store } from '../separation/ports.ts'
import { statusOf, type Task } from '../separation/task.ts'
import { patiently } from './patiently.ts'
import { migrations, type Database } from './schema.ts'
import { createSqliteDialect } from './sqlite-dialect.ts'
import { parseStoredTask, parseStoredTold } from './stored-task.ts'

/** Due before everything that waits for its usual turn. */
const atOnce = 0

/**
 * Opens the store in a file of SQLite, or in memory for `:memory:`, and brings its tables up to date.
 * Throws if the file cannot be opened or was written by a later version.
 */
export async function openSqliteStore(path: string): Promise<Store> {
  const db = new Kysely<Database>({ dialect: createSqliteDialect(path) })
  const migrator = new Migrator({ db, provider: { getMigrations: async () => migrations } })
  try {
    // Another gateway may be doing the same just now.
    await patiently(async () => {
      const { error } = await migrator.migrateToLatest()
      if (error !== undefined) throw error
    })
  } catch (error) {
    await db.destroy()
    throw new Error('The tables of the store could not be brought up to date.', { cause: error })
  }

  return {
    place: ({ task, key, dueAtMs, canJoin, isAdmitted }) =>
      patiently(() =>
        db.transaction().execute(async (trx): Promise<Placed> => {
          const keyed = key === null ? null : await keyedTask(trx, key)
          if (keyed !== null) return keyed
          const joined = canJoin === null ? undefined : (await earlierOfTrack(trx, task)).find(canJoin)
          if (joined === undefined) {
            if (!isAdmitted()) return { kind: 'not-admitted' }
            await trx
              .insertInto('tasks')
              .values({ ...columnsOf(task), due_at: dueAtMs })
              .execute()
          }
          const answer = joined ?? task
          if (key !== null) {
            await trx
              .insertInto('keys')
              .values({ ...key, task_id: answer.id, created_at: Date.now() })
              .execute()
          }
          return { kind: joined === undefined ? 'new' : 'joined', task: answer }
        }),
      ),

    adopt: (task, dueAtMs) =>
      patiently(() =>
        db.transaction().execute(async (trx) => {
          const bearer = await trx
            .selectFrom('tasks')
            .select('task')
            .where('provider', '=', task.provider)
            .where('provider_task_id', '=', task.providerTaskId)
            .executeTakeFirst()
          if (bearer !== undefined) return parseStoredTask(bearer.task)
          await trx
            .insertInto('tasks')
            .values({ ...columnsOf(task), due_at: dueAtMs })
            .execute()
          return task
        }),
      ),

    replace: (task) =>
      patiently(async () => {
        const { numUpdatedRows } = await db
          .updateTable('tasks')
          .set(columnsOf(task))
          .where('id', '=', task.id)
          .where('revision', '=', task.revision - 1)
          .executeTakeFirst()
        return numUpdatedRows > 0n
      }),

    find: (ids) =>
      patiently(async () => {
        const rows = await db.selectFrom('tasks').select('task').where('id', 'in', ids).execute()
        return rows.map((row) => parseStoredTask(row.task))
      }),

    findBound: (ids) =>
      patiently(async () => {
        const rows = await db
          .selectFrom('tasks')
          .select('task')
          .where((eb) => eb.or(ids.map((id) => eb.and({ provider: id.provider, provider_task_id: id.providerTaskId }))))
          .execute()
        return rows.map((row) => parseStoredTask(row.task))
      }),

    list: (owner, { where, after, before, limit, inverted }) =>
      patiently(async () => {
        let query = db.selectFrom('tasks').select('task').where('owner', '=', owner)
        if (where.status !== undefined) query = query.where('status', 'in', where.status)
        if (where.type !== undefined) query = query.where('type', '=', where.type)
        if (where.provider !== undefined) query = query.where('provider', '=', where.provider)
        if (where.audioId !== undefined) query = query.where('audio_id', '=', where.audioId)
        const beyond = (sign: '<' | '>', place: Cursor) =>
          (query = query.where(({ eb, refTuple, tuple }) =>
            eb(refTuple('created_at', 'id'), sign, tuple(place.createdAtMs, place.id)),
          ))
        if (after !== undefined) beyond('<', after)
        if (before !== undefined) beyond('>', before)
        const direction = inverted ? 'asc' : 'desc'
        const rows = await query.orderBy('created_at', direction).orderBy('id', direction).limit(limit).execute()
        return rows.map((row) => parseStoredTask(row.task))
      }),

    freeKeys: (taskId, except) =>
      patiently(async () => {
        await db.deleteFrom('keys').where('task_id', '=', taskId).where('key', 'not in', except).execute()
      }),

    note: ({ taskId, receivedAtMs, providerTaskId, told }) =>
      patiently(() =>
        db.transaction().execute(async (trx) => {
          const id = typeidUnboxed('cb')
          await trx
            .insertInto('callbacks')
            .values({
              id,
              task_id: taskId,
              received_at: receivedAtMs,
              provider_task_id: providerTaskId,
              told: told === null ? null : JSON.stringify(told),
            })
            .execute()
          await trx.updateTable('tasks').set({ due_at: atOnce }).where('id', '=', taskId).execute()
        }),
      ),

    notes: (taskId) =>
      patiently(async () => {
        const rows = await db
          .selectFrom('callbacks')
          .select(['received_at', 'provider_task_id', 'told'])
          .where('task_id', '=', taskId)
          .orderBy('received_at')
          .execute()
        return rows.map(({ received_at, provider_task_id, told }) => ({
          taskId,
          receivedAtMs: received_at,
          providerTaskId: provider_task_id,
          told: told === null ? null : parseStoredTold(told),
        }))
      }),

    claimDue: (provider, nowMs, leaseUntilMs, limit) =>
      patiently(async () => {
        const rows = await db
          .updateTable('tasks')
          .set({ due_at: leaseUntilMs })
          .where('id', 'in', (eb) =>
            eb
              .selectFrom('tasks')
              .select('id')
              .where('provider', '=', provider)
              .where('due_at', '<=', nowMs)
              // The words of a callback have seconds to be confirmed in, however many tasks wait for their usual turn.
              .orderBy(hasCallback, 'desc')
              .orderBy('due_at')
              .limit(limit),
          )
          .returning('task')
          .execute()
        return rows.map((row) => parseStoredTask(row.task))
      }),

    release: (taskId, leaseUntilMs, dueAtMs) =>
      patiently(() =>
        db.transaction().execute(async (trx) => {
          const { numUpdatedRows } = await trx
            .updateTable('tasks')
            .set({ due_at: dueAtMs })
            .where('id', '=', taskId)
            .where('due_at', '=', leaseUntilMs)
            .executeTakeFirst()
          const isDone = dueAtMs === null && numUpdatedRows > 0n
          if (isDone) await trx.deleteFrom('callbacks').where('task_id', '=', taskId).execute()
        }),
      ),

    secret: (name, make) =>
      patiently(async () => {
        await db
          .insertInto('secrets')
          .values({ name, value: make() })
          .onConflict((conflict) => conflict.column('name').doNothing())
          .execute()
        const { value } = await db
          .selectFrom('secrets')
          .select('value')
          .where('name', '=', name)
          .executeTakeFirstOrThrow()
        return value
      }),

    ping: () =>
      patiently(async () => {
        await db.selectFrom('secrets').select('name').limit(1).execute()
      }),

    close: () => db.destroy(),
  }
}

function hasCallback({ exists, selectFrom }: ExpressionBuilder<Database, 'tasks'>) {
  return exists(selectFrom('callbacks').select('id').whereRef('callbacks.task_id', '=', 'tasks.id'))
}

function columnsOf(task: Task) {
  return {
    id: task.id,
    owner: task.owner,
    provider: task.provider,
    provider_task_id: task.providerTaskId,
    type: task.type,
    status: statusOf(task),
    charge: task.charge,
    music_task_id: task.musicTaskId,
    audio_id: task.audioId,
    created_at: task.createdAtMs,
    revision: task.revision,
    task: JSON.stringify(task),
  }
}

async function keyedTask(trx: Transaction<Database>, key: Key): Promise<Placed | null> {
  const row = await trx
    .selectFrom('keys')
    .innerJoin('tasks', 'tasks.id', 'keys.task_id')
    .select(['keys.fingerprint', 'tasks.task'])
    .where('keys.owner', '=', key.owner)
    .where('keys.key', '=', key.key)
    .executeTakeFirst()
  if (row === undefined) return null
  return { kind: row.fingerprint === key.fingerprint ? 'joined' : 'conflict', task: parseStoredTask(row.task) }
}

/** The owner's orders for the track of the task that were not refused, the newest first. */
async function earlierOfTrack(trx: Transaction<Database>, task: Task): Promise<Task[]> {
  const rows = await trx
    .selectFrom('tasks')
    .select('task')
    .where('owner', '=', task.owner)
    .where('music_task_id', '=', task.musicTaskId)
    .where('audio_id', '=', task.audioId)
    .where('provider', '=', task.provider)
    .where('type', '=', task.type)
    .where('charge', '!=', 'NONE')
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .execute()
  return rows.map((row) => parseStoredTask(row.task))
}
