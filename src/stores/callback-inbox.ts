import { sql, type Kysely, type SqlBool, type Transaction } from 'kysely'
import { typeidUnboxed } from 'typeid-js'
import { transactionOf, type DatabaseWays } from './database-traits.ts'
import { wokenBy } from './check-schedule.ts'
import type { Database } from './schema.ts'
import { parseStoredTold } from './stored-task.ts'
import type { CallbackNote, Store } from '../separation/store.ts'

/** How many notes of one task are kept: a task is not worth more, and each of them is read at every check. */
const maxNotes = 20

/** The callbacks that were received for a task. */
export type CallbackNotes = Pick<Store, 'note' | 'notes'>

export function createCallbackNotes(db: Kysely<Database>, { attempt }: DatabaseWays): CallbackNotes {
  return {
    note(note) {
      const id = typeidUnboxed('cb')
      return attempt(() =>
        transactionOf(db).execute(async (trx) => {
          // First of all: the task's row is locked thereby, so that two callbacks of one task are noted one after the other.
          await trx.updateTable('tasks').set(wokenBy(note.receivedAtMs)).where('id', '=', note.taskId).execute()
          await keep(trx, id, note)
        }),
      )
    },

    notes: (taskId) =>
      attempt(async () => {
        const rows = await db
          .selectFrom('callbacks')
          .select(['received_at', 'provider_task_id', 'told'])
          .where('task_id', '=', taskId)
          .orderBy('received_at')
          .orderBy('id')
          .execute()
        return rows.map(({ received_at, provider_task_id, told }) => ({
          taskId,
          receivedAtMs: received_at,
          providerTaskId: provider_task_id,
          told: told === null ? null : parseStoredTold(told),
        }))
      }),
  }
}

/** Inserts the note unless there is an equal one, and deletes what exceeds the limit. */
async function keep(trx: Transaction<Database>, id: string, note: CallbackNote): Promise<void> {
  const { taskId, receivedAtMs, providerTaskId } = note
  const told = note.told === null ? null : JSON.stringify(note.told)
  const equal = await trx
    .selectFrom('callbacks')
    .select(['id', 'received_at'])
    .where('task_id', '=', taskId)
    .where(isSame('provider_task_id', providerTaskId))
    .where(isSame('told', told))
    .executeTakeFirst()
  if (equal !== undefined) {
    // The clock may have been set back: the grace of a payload ends no later because it came again.
    if (receivedAtMs < equal.received_at) {
      await trx.updateTable('callbacks').set({ received_at: receivedAtMs }).where('id', '=', equal.id).execute()
    }
    return
  }
  await trx
    .insertInto('callbacks')
    .values({
      id,
      task_id: taskId,
      received_at: receivedAtMs,
      provider_task_id: providerTaskId,
      told,
      rank: rankOf(note),
    })
    .execute()
  const kept = trx
    .selectFrom('callbacks')
    .select('id')
    .where('task_id', '=', taskId)
    .orderBy('rank', 'desc')
    .orderBy('received_at', 'desc')
    .orderBy('id', 'desc')
    .limit(maxNotes)
  await trx.deleteFrom('callbacks').where('task_id', '=', taskId).where('id', 'not in', kept).execute()
}

/** A result is displaced by results alone, and a payload that can be read by none that cannot: those are the easiest to forge. */
function rankOf({ told }: CallbackNote): number {
  if (told === null) return 0
  return told.outcome.state === 'succeeded' && told.outcome.stems.length > 0 ? 2 : 1
}

function isSame(column: 'provider_task_id' | 'told', value: string | null) {
  return value === null ? sql<SqlBool>`${sql.ref(column)} is null` : sql<SqlBool>`${sql.ref(column)} = ${value}`
}
