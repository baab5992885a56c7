import { sql, type Transaction } from 'kysely'
import type { Task } from '../separation/task.ts'
import { facetCondition, type Dialect } from './facet.ts'
import { newestPerFacet } from './list-tasks.ts'
import type { Database } from './schema.ts'
import { columnsOf, parseStoredTask } from './stored-task.ts'
import type { IdempotencyKey, OrderResult, Store } from '../separation/store.ts'

/** Blocks other orders for the same track until the transaction ends. */
export type LockTrack = (trx: Transaction<Database>, track: string) => Promise<void>

/** The maximum number of earlier orders for a track that are examined per facet. */
const maxEarlierPerFacet = 20

/** See `Store.createOrder`. The primary key of `keys` decides between two orders with one key and different tracks. */
export async function createOrder(
  trx: Transaction<Database>,
  { task, key, dueAtMs, canJoin, isAdmitted }: Parameters<Store['createOrder']>[0],
  { dialect, lockTrack }: { readonly dialect: Dialect; readonly lockTrack: LockTrack },
): Promise<OrderResult> {
  // Most repeated calls with a key are answered here, without the lock.
  const early = key === null ? null : await taskOfKey(trx, key)
  if (early !== null) return asNewIfSame(early, task)
  await lockTrack(trx, trackOf(task))
  const keyed = key === null ? null : await taskOfKey(trx, key)
  if (keyed !== null) return asNewIfSame(keyed, task)

  const joined = canJoin === null ? undefined : await findJoinable(trx, task, canJoin, dialect)
  if (joined === undefined) {
    if (!(await isAdmitted())) return { kind: 'not-admitted' }
    await trx
      .insertInto('tasks')
      .values({ ...columnsOf(task), due_at: dueAtMs })
      .execute()
  }
  const answer = joined ?? task
  if (key !== null) await insertKey(trx, key, answer)
  return asNewIfSame({ kind: joined === undefined ? 'new' : 'joined', task: answer }, task)
}

/** A retry after a lost commit finds its own task: it is still new to the caller. */
function asNewIfSame(result: OrderResult, task: Task): OrderResult {
  return result.kind === 'joined' && result.task.id === task.id ? { kind: 'new', task } : result
}

/** The task that the key refers to. A refused task counts only if a caller has received it for this key. */
async function taskOfKey(trx: Transaction<Database>, key: IdempotencyKey): Promise<OrderResult | null> {
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

/** Points a free key to the task. Fails with a constraint violation if another transaction has used the key meanwhile. */
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
 * The task that answers an order: its own, if an earlier attempt inserted it, or the newest joinable one for its track.
 * Examines only the newest of each facet: while one is joinable, only `force` creates another one.
 */
async function findJoinable(
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
    limitPerFacet: maxEarlierPerFacet,
  })
  return rows.map((row) => parseStoredTask(row.task)).find(canJoin)
}

function trackOf({ owner, provider, type, musicTaskId, audioId }: Task): string {
  return JSON.stringify([owner, provider, type, musicTaskId, audioId])
}
