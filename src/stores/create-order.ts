import { sql, type Kysely } from 'kysely'
import type { Task } from '../separation/task.ts'
import { facetCondition, type Dialect } from './facet.ts'
import { firstRowOf, rowsWrittenBy, type Job } from './job.ts'
import { newestPerFacet } from './list-tasks.ts'
import type { Database } from './schema.ts'
import { columnsOf, parseStoredTask } from './stored-task.ts'
import type { AnsweredOrder, IdempotencyKey, OrderResult, Store } from '../separation/store.ts'

type Order = Parameters<Store['createOrder']>[0]

/** Blocks other orders for the same track until the transaction ends. */
export type LockTrack = (db: Kysely<Database>, track: string) => Job<void>

interface OrderTraits {
  readonly dialect: Dialect
  readonly lockTrack: LockTrack | null
}

/** The maximum number of earlier orders for a track that are examined per facet. */
const maxEarlierPerFacet = 20

/** The earlier task that answers an order, by key or by track; null if there is none. Writes nothing. */
export function* findEarlierTask(
  db: Kysely<Database>,
  { task, key, canJoin }: Order,
  { dialect }: OrderTraits,
): Job<{ readonly result: AnsweredOrder; readonly isKeyStored: boolean } | null> {
  const keyed = key === null ? null : yield* taskOfKey(db, key)
  if (keyed !== null) return { result: asNewIfSame(keyed, task), isKeyStored: true }
  const joined = canJoin === null ? undefined : yield* findJoinable(db, task, canJoin, dialect)
  return joined === undefined ? null : { result: { kind: 'joined', task: joined }, isKeyStored: key === null }
}

/** See `Store.createOrder`. The primary key of `keys` decides between two orders with one key and different tracks. */
export function* createOrder(db: Kysely<Database>, order: Order, traits: OrderTraits): Job<OrderResult> {
  const { task, key, dueAtMs, canJoin, isAdmitted } = order
  yield* traits.lockTrack?.(db, trackOf(task)) ?? []
  const keyed = key === null ? null : yield* taskOfKey(db, key)
  if (keyed !== null) return asNewIfSame(keyed, task)

  const joined =
    canJoin === null
      ? undefined
      : ((yield* findInserted(db, task)) ?? (yield* findJoinable(db, task, canJoin, traits.dialect)))
  if (joined === undefined) {
    if (!isAdmitted) return { kind: 'not-admitted' }
    yield* rowsWrittenBy(db.insertInto('tasks').values({ ...columnsOf(task), due_at: dueAtMs }))
  }
  const answer = joined ?? task
  if (key !== null) yield* insertKey(db, key, answer)
  return asNewIfSame({ kind: joined === undefined ? 'new' : 'joined', task: answer }, task)
}

/** A retry after a lost commit finds its own task: it is still new to the caller. */
function asNewIfSame(result: AnsweredOrder, task: Task): AnsweredOrder {
  return result.kind === 'joined' && result.task.id === task.id ? { kind: 'new', task } : result
}

/** The task that the key refers to. A refused task counts only if a caller has received it for this key. */
function* taskOfKey(db: Kysely<Database>, key: IdempotencyKey): Job<AnsweredOrder | null> {
  const row = yield* firstRowOf(
    db
      .selectFrom('keys')
      .innerJoin('tasks', 'tasks.id', 'keys.task_id')
      .select(['keys.fingerprint', 'tasks.task'])
      .where('keys.owner', '=', key.owner)
      .where('keys.key', '=', key.key)
      .where((eb) => eb.or([eb('tasks.charge', '!=', 'NONE'), eb('keys.confirmed', '=', 1)])),
  )
  if (row === undefined) return null
  return { kind: row.fingerprint === key.fingerprint ? 'joined' : 'conflict', task: parseStoredTask(row.task) }
}

/** Points a free key to the task. Fails with a constraint violation if another transaction has used the key meanwhile. */
function* insertKey(db: Kysely<Database>, key: IdempotencyKey, task: Task): Job<void> {
  yield* rowsWrittenBy(
    db
      .deleteFrom('keys')
      .where('owner', '=', key.owner)
      .where('key', '=', key.key)
      .where('confirmed', '=', 0)
      .where('task_id', 'in', (eb) => eb.selectFrom('tasks').select('id').where('charge', '=', 'NONE')),
  )
  yield* rowsWrittenBy(db.insertInto('keys').values({ ...key, task_id: task.id, created_at: Date.now(), confirmed: 0 }))
}

/** The order's own task, if an earlier attempt inserted it. */
function* findInserted(db: Kysely<Database>, { id }: Task): Job<Task | undefined> {
  const row = yield* firstRowOf(db.selectFrom('tasks').select('task').where('id', '=', id))
  return row === undefined ? undefined : parseStoredTask(row.task)
}

/**
 * The newest joinable task for the order's track. Examines only the newest of each facet: while one is joinable, only `force`
 * creates another one.
 */
function* findJoinable(
  db: Kysely<Database>,
  { owner, musicTaskId, audioId, provider, type }: Task,
  canJoin: (earlier: Task) => boolean,
  dialect: Dialect,
): Job<Task | undefined> {
  // Most orders are the first for their track, and the query below is not cheap.
  const any = yield* firstRowOf(
    db
      .selectFrom('tasks')
      .select('id')
      .where('owner', '=', owner)
      .where('music_task_id', '=', musicTaskId)
      .where('audio_id', '=', audioId)
      .limit(1),
  )
  if (any === undefined) return undefined
  const where = { provider, type: type ?? undefined, charge: ['CHARGED', 'MAYBE'] } as const
  const rows = yield* newestPerFacet(db, dialect, {
    scope: { owner, musicTaskId, audioId },
    condition: facetCondition(where, sql`facets.facet`),
    limitPerFacet: maxEarlierPerFacet,
  })
  return rows.map((row) => parseStoredTask(row.task)).find(canJoin)
}

function trackOf({ owner, provider, type, musicTaskId, audioId }: Task): string {
  return JSON.stringify([owner, provider, type, musicTaskId, audioId])
}
