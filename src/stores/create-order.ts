import { sql, type Transaction } from 'kysely'
import type { Task } from '../separation/task.ts'
import { facetCondition, type Dialect } from './facet.ts'
import { newestPerFacet } from './list-tasks.ts'
import type { Database } from './schema.ts'
import { columnsOf, parseStoredTask } from './stored-task.ts'
import type { IdempotencyKey, OrderResult, Store } from '../separation/store.ts'

/** Keeps everybody else from placing an order for the same track until the transaction ends. */
export type LockTrack = (trx: Transaction<Database>, track: string) => Promise<void>

/** How many earlier orders for a track are looked at, of those that stand in the same way. */
const maxEarlierPerFacet = 20

/** See `Store.place`. Two orders with one key and different tracks are kept apart by the key's own constraint. */
export async function createOrder(
  trx: Transaction<Database>,
  { task, key, dueAtMs, canJoin, isAdmitted }: Parameters<Store['createOrder']>[0],
  { dialect, lockTrack }: { readonly dialect: Dialect; readonly lockTrack: LockTrack },
): Promise<OrderResult> {
  // Most of those who call again with a key need no lock to be answered.
  const early = key === null ? null : await keyedTask(trx, key)
  if (early !== null) return ownOrderAsNew(early, task)
  await lockTrack(trx, trackOf(task))
  const keyed = key === null ? null : await keyedTask(trx, key)
  if (keyed !== null) return ownOrderAsNew(keyed, task)

  const joined = canJoin === null ? undefined : await earlierTask(trx, task, canJoin, dialect)
  if (joined === undefined) {
    if (!(await isAdmitted())) return { kind: 'not-admitted' }
    await trx
      .insertInto('tasks')
      .values({ ...columnsOf(task), due_at: dueAtMs })
      .execute()
  }
  const answer = joined ?? task
  if (key !== null) await insertKey(trx, key, answer)
  return ownOrderAsNew({ kind: joined === undefined ? 'new' : 'joined', task: answer }, task)
}

/** An order may have been placed already without anybody having heard of it: it is still new to its caller. */
function ownOrderAsNew(placed: OrderResult, task: Task): OrderResult {
  return placed.kind === 'joined' && placed.task.id === task.id ? { kind: 'new', task } : placed
}

/** What the key leads to. To an order that was refused it leads only if a caller was given its task before. */
async function keyedTask(trx: Transaction<Database>, key: IdempotencyKey): Promise<OrderResult | null> {
  const row = await trx
    .selectFrom('keys')
    .innerJoin('tasks', 'tasks.id', 'keys.task_id')
    .select(['keys.fingerprint', 'tasks.task'])
    .where('keys.owner', '=', key.owner)
    .where('keys.key', '=', key.key)
    .where((eb) => eb.or([eb('tasks.charge', '!=', 'NONE'), eb('keys.confirmed', '=', 1)]))
    .executeTakeFirst()
  if (row === undefined) return null
  return { kind: row.fingerprint === key.fingerprint ? 'joined' : 'conflict', task: parseStoredTask(row.task) }
}

/** Makes a key that leads nowhere lead to the task. If another transaction has done so meanwhile, its constraint says no. */
async function insertKey(trx: Transaction<Database>, key: IdempotencyKey, task: Task): Promise<void> {
  await trx
    .deleteFrom('keys')
    .where('owner', '=', key.owner)
    .where('key', '=', key.key)
    .where('confirmed', '=', 0)
    .where('task_id', 'in', (eb) => eb.selectFrom('tasks').select('id').where('charge', '=', 'NONE'))
    .execute()
  await trx
    .insertInto('keys')
    .values({ ...key, task_id: task.id, created_at: Date.now(), confirmed: 0 })
    .execute()
}

/**
 * The task that answers an order: its own, if it was placed already, or the newest earlier one of its track that may be
 * joined. Only the newest of each facet are looked at: while one may be joined, no other is ordered without `force`.
 */
async function earlierTask(
  trx: Transaction<Database>,
  { id, owner, musicTaskId, audioId, provider, type }: Task,
  canJoin: (earlier: Task) => boolean,
  dialect: Dialect,
): Promise<Task | undefined> {
  const own = await trx.selectFrom('tasks').select('task').where('id', '=', id).executeTakeFirst()
  if (own !== undefined) return parseStoredTask(own.task)
  const where = { provider, type: type ?? undefined, charge: ['CHARGED', 'MAYBE'] } as const
  const rows = await newestPerFacet(trx, dialect, {
    scope: { owner, musicTaskId, audioId },
    condition: facetCondition(where, sql`facets.facet`),
    most: maxEarlierPerFacet,
  })
  return rows.map((row) => parseStoredTask(row.task)).find(canJoin)
}

function trackOf({ owner, provider, type, musicTaskId, audioId }: Task): string {
  return JSON.stringify([owner, provider, type, musicTaskId, audioId])
}
