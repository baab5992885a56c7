import { sql, type Kysely, type SqlBool } from 'kysely'
import { isQueued, type Task } from '../../separation/task/task.ts'
import { reservedOf, type BudgetJobs } from './budgets.ts'
import { facetCondition, type Dialect } from '../database/facet.ts'
import { firstRowOf, rowsWrittenBy, type Job } from '../database/job.ts'
import { newestPerFacet } from '../read/list-tasks.ts'
import { prepareQuery, type Placeholder } from '../database/prepared-query.ts'
import type { Database } from '../database/tables.ts'
import { columnsOf, parseStoredTask, type TaskColumns } from '../task/stored-task.ts'
import type { WebhookEndpoint } from '../../separation/webhooks/webhook-endpoint.ts'
import type { WebhookJobs } from '../webhooks/webhook-jobs.ts'
import { markOfKey, type TombstoneJobs } from '../purge/tombstones.ts'
import type { AnsweredOrder, IdempotencyKey, NewOrder, OrderResult } from '../../separation/store/order-writer.ts'

import type { LockTrack } from '../database/database-traits.ts'

interface OrderTraits {
  readonly dialect: Dialect
  readonly budgets: Pick<BudgetJobs, 'take'>
  readonly webhooks: Pick<WebhookJobs, 'add' | 'isTold' | 'send'>
  readonly tombstones: Pick<TombstoneJobs, 'find'>
  readonly lockTrack: LockTrack | null
}

/** The maximum number of earlier orders for a track that are examined per facet. */
const maxEarlierPerFacet = 20

/** What answers an order without a new task. */
type EarlierTask = AnsweredOrder | Extract<OrderResult, { readonly kind: 'deleted' }>

/** The jobs of an order. */
export interface OrderJobs {
  /**
   * The earlier task that answers an order, by key or by track, or that the task of its key was deleted; null if there is neither.
   * Writes nothing. `isComplete`: nothing has to be written for the order.
   */
  findEarlierTask(order: NewOrder): Job<{ readonly result: EarlierTask; readonly isComplete: boolean } | null>
  /** See `OrderWriter.createOrder`. The primary key of `keys` decides between two orders with one key and different tracks. */
  createOrder(order: NewOrder): Job<OrderResult>
}

export function createOrderJobs(
  db: Kysely<Database>,
  { dialect, lockTrack, budgets, tombstones, webhooks }: OrderTraits,
): OrderJobs {
  const selectTaskOfKey = prepareQuery((value: Placeholder<Pick<IdempotencyKey, 'owner' | 'key'>>) =>
    db
      .selectFrom('keys')
      .innerJoin('tasks', 'tasks.id', 'keys.task_id')
      .select(['keys.fingerprint', 'tasks.task'])
      .where('keys.owner', '=', value('owner'))
      .where('keys.key', '=', value('key'))
      .where((eb) => eb.or([eb('tasks.charge', '!=', 'NONE'), eb('keys.confirmed', '=', 1)])),
  )
  const deleteFreeKey = prepareQuery((value: Placeholder<Pick<IdempotencyKey, 'owner' | 'key'>>) =>
    db
      .deleteFrom('keys')
      .where('owner', '=', value('owner'))
      .where('key', '=', value('key'))
      .where('confirmed', '=', 0)
      .where('task_id', 'in', (eb) => eb.selectFrom('tasks').select('id').where('charge', '=', 'NONE')),
  )
  const insertKey = prepareQuery(
    (value: Placeholder<IdempotencyKey & { taskId: string; nowMs: number; confirmed: number }>) =>
      db.insertInto('keys').values({
        owner: value('owner'),
        key: value('key'),
        fingerprint: value('fingerprint'),
        task_id: value('taskId'),
        created_at: value('nowMs'),
        confirmed: value('confirmed'),
      }),
  )
  const selectTask = prepareQuery((value: Placeholder<Pick<Task, 'id'>>) =>
    db.selectFrom('tasks').select('task').where('id', '=', value('id')),
  )
  const selectAnyOfTrack = prepareQuery((value: Placeholder<Pick<Task, 'owner' | 'musicTaskId' | 'audioId'>>) =>
    db
      .selectFrom('tasks')
      .select('id')
      .where('owner', '=', value('owner'))
      .where('music_task_id', '=', value('musicTaskId'))
      .where('audio_id', '=', value('audioId'))
      .limit(1),
  )
  const insertTask = prepareQuery((value: Placeholder<TaskColumns & { due_at: number; reserved: string | null }>) =>
    db.insertInto('tasks').values({
      id: value('id'),
      owner: value('owner'),
      provider: value('provider'),
      provider_task_id: value('provider_task_id'),
      type: value('type'),
      status: value('status'),
      charge: value('charge'),
      music_task_id: value('music_task_id'),
      audio_id: value('audio_id'),
      reference: value('reference'),
      created_at: value('created_at'),
      revision: value('revision'),
      task: value('task'),
      due_at: value('due_at'),
      reserved: value('reserved'),
    }),
  )

  return {
    *findEarlierTask({ task, key, canJoin, webhook }) {
      const keyed = key === null ? null : yield* taskOfKey(key)
      if (keyed !== null) return { result: asNewIfSame(keyed, task), isComplete: yield* isTold(keyed, webhook) }
      const earlier = canJoin === null ? undefined : yield* findJoinable(task, canJoin)
      if (earlier === undefined) return null
      const joined = { kind: 'joined', task: earlier } as const
      return { result: joined, isComplete: key === null && (yield* isTold(joined, webhook)) }
    },

    *createOrder({ task, key, dueAtMs, canJoin, isAdmitted, claims = [], webhook, messages }) {
      yield* lockTrack?.(db, trackOf(task)) ?? []
      const keyed = key === null ? null : yield* taskOfKey(key)
      if (keyed !== null) {
        yield* tell(keyed, webhook, task.createdAtMs)
        return asNewIfSame(keyed, task)
      }

      const earlier = (yield* findInserted(task)) ?? (canJoin === null ? undefined : yield* findJoinable(task, canJoin))
      if (earlier !== undefined) {
        const joined = { kind: 'joined', task: earlier } as const
        if (key !== null) yield* storeKey(key, earlier)
        yield* tell(joined, webhook, task.createdAtMs)
        return asNewIfSame(joined, task)
      }
      if (!isAdmitted) return { kind: 'not-admitted' }
      const taken = claims.length === 0 ? null : yield* budgets.take(task.owner, claims)
      if (taken?.kind === 'over-budget') return taken
      yield* rowsWrittenBy(insertTask({ ...columnsOf(task), due_at: dueAtMs, reserved: reservedOf(claims) }))
      if (key !== null) yield* storeKey(key, task)
      if (webhook !== undefined) yield* webhooks.add(task.id, webhook, task.createdAtMs)
      if (taken !== null && messages !== undefined) yield* webhooks.send(messages(taken.used))
      return { kind: 'new', task, ...(taken === null ? {} : { used: taken.used }) }
    },
  }

  /** Whether the order's endpoint is told of the task that answers the order, or there is none to tell. */
  function* isTold(earlier: EarlierTask, webhook: WebhookEndpoint | undefined): Job<boolean> {
    return webhook === undefined || earlier.kind !== 'joined' || (yield* webhooks.isTold(earlier.task.id, webhook))
  }

  /** Tells the order's endpoint of the task that answers the order. */
  function* tell(earlier: EarlierTask, webhook: WebhookEndpoint | undefined, atMs: number): Job<void> {
    if (webhook !== undefined && earlier.kind === 'joined') yield* webhooks.add(earlier.task.id, webhook, atMs)
  }

  /** The task that the key refers to. A refused task counts only if a caller has received it for this key. */
  function* taskOfKey(key: IdempotencyKey): Job<EarlierTask | null> {
    const row = yield* firstRowOf(selectTaskOfKey(key))
    if (row === undefined) {
      const tombstone = yield* tombstones.find(markOfKey(key))
      return tombstone === null ? null : { kind: 'deleted', tombstone }
    }
    return { kind: row.fingerprint === key.fingerprint ? 'joined' : 'conflict', task: parseStoredTask(row.task) }
  }

  /** Points a free key to the task. Fails with a constraint violation if another transaction has used the key meanwhile. */
  function* storeKey(key: IdempotencyKey, task: Task): Job<void> {
    yield* rowsWrittenBy(deleteFreeKey(key))
    // A queued task is handed out before its order is sent.
    const confirmed = isQueued(task) ? 1 : 0
    yield* rowsWrittenBy(insertKey({ ...key, taskId: task.id, nowMs: Date.now(), confirmed }))
  }

  /** The order's own task, if an earlier attempt inserted it. */
  function* findInserted(task: Task): Job<Task | undefined> {
    const row = yield* firstRowOf(selectTask(task))
    return row === undefined ? undefined : parseStoredTask(row.task)
  }

  /**
   * The newest joinable task for the order's track. Examines only the newest of each facet: while one is joinable, only
   * `force` creates another one.
   */
  function* findJoinable(task: Task, canJoin: (earlier: Task) => boolean): Job<Task | undefined> {
    // Most orders are the first for their track, and the query below is not cheap.
    if ((yield* firstRowOf(selectAnyOfTrack(task))) === undefined) return undefined
    const { owner, musicTaskId, audioId, provider, type } = task
    const facet = sql<string>`facets.facet`
    const ofTrack = facetCondition({ provider, type: type ?? undefined }, facet)
    const mayBeCharged = facetCondition({ charge: ['CHARGED', 'MAYBE'] }, facet)
    const isPending = facetCondition({ settled: false }, facet)
    const rows = yield* newestPerFacet(db, dialect, {
      scope: { owner, musicTaskId, audioId },
      condition: sql<SqlBool>`${ofTrack} and (${mayBeCharged} or ${isPending})`,
      limitPerFacet: maxEarlierPerFacet,
    })
    return rows.map((row) => parseStoredTask(row.task)).find(canJoin)
  }
}

/** A retry after a lost commit finds its own task: it is still new to the caller. */
function asNewIfSame<Result extends EarlierTask>(result: Result, task: Task): Result | AnsweredOrder {
  return result.kind === 'joined' && result.task.id === task.id ? { kind: 'new', task } : result
}

function trackOf({ owner, provider, type, musicTaskId, audioId }: Task): string {
  return JSON.stringify([owner, provider, type, musicTaskId, audioId])
}
