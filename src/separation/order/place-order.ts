import { setTimeout as sleep } from 'node:timers/promises'
import { serializeEqualOrders, type OrderRequest, type OrderOutcome } from './equal-orders.ts'
import { errorOf, StoreUnavailableError } from '../errors.ts'
import type { RecordReports } from '../advance/record.ts'
import { fingerprintOf, type SeparateInput } from './separate-input.ts'
import { newTaskId } from '../task-id.ts'
import { expiresAtMs, mayStillSucceed, type ProviderName, type Refusal, type Task } from '../task.ts'
import { retryUntilStored } from './retry-until-stored.ts'
import type { Admission, Provider } from '../provider.ts'
import type { Log } from '../../runtime/log.ts'
import type { OrderResult, AnsweredOrder, Store } from '../store.ts'

export interface PlaceOrderOptions {
  readonly store: Store
  readonly record: RecordReports
  readonly log: Log
  /** How long an order waits for its slot within the provider's rate. */
  readonly submitWaitMs: number
  /** How long after the order a task is asked for the first time. */
  readonly firstCheckAfterMs: number
  /** How long after the order a task is followed that only a callback called failed. */
  readonly giveUpAfterMs: number
}

/**
 * Stores an order, unless an earlier task answers it. It is stored only with a slot at the provider, for which it waits
 * `submitWaitMs` at most; who joins needs none.
 */
export type PlaceOrder = (owner: string, input: SeparateInput, provider: Provider) => Promise<AnsweredOrder>

/** After this no store still does what was asked of it, in milliseconds. */
const maxLateCommitMs = 10_000
const notStored: Refusal = {
  reason: 'unavailable',
  providerCode: null,
  message: 'The order could not be written down in time, so it was not sent and nothing was charged. Order again.',
  retryable: true,
  retryAfterSeconds: null,
}

export function createPlaceOrder({
  store,
  record,
  log,
  submitWaitMs,
  firstCheckAfterMs,
  giveUpAfterMs,
}: PlaceOrderOptions): PlaceOrder {
  const createOrder = serializeEqualOrders(createOne)

  return async function placeOrder(owner, input, provider) {
    const track = JSON.stringify([owner, provider.name, input.type, input.musicTaskId, input.audioId])
    const outcome = await createOrder({ owner, provider, track, input, waitUntilMs: performance.now() + submitWaitMs })
    if (outcome.kind === 'placed') return outcome.result
    throw outcome.error
  }

  async function createOne({ owner, provider, input, waitUntilMs }: OrderRequest): Promise<OrderOutcome> {
    const { idempotencyKey: key, musicTaskId, audioId } = input
    let slotWait: Admission | null = null
    for (;;) {
      const asked = lazyAdmission(() => provider.admit({ owner, musicTaskId, audioId }), slotWait)
      const nowMs = store.nowMs()
      let result: OrderResult | null = null
      const task = newTask(owner, provider.name, input, nowMs)
      try {
        result = await store.createOrder({
          task,
          key: key === null ? null : { owner, key, fingerprint: fingerprintOf(input) },
          dueAtMs: nowMs + firstCheckAfterMs,
          canJoin: input.force ? null : (earlier) => canAnswer(earlier, provider, giveUpAfterMs, store.nowMs()),
          isAdmitted: async () => (await asked.answer()).kind === 'admitted',
        })
      } catch (error) {
        if (error instanceof StoreUnavailableError) withdraw(task)
        throw error
      } finally {
        if (result?.kind !== 'new') asked.release()
      }
      if (result.kind !== 'not-admitted') return { kind: 'placed', result }
      const admission = await asked.answer()
      if (admission.kind === 'admitted') throw new Error('The store refused an order that was admitted.')
      const { refusal, wait } = admission
      const freeAtMs = wait?.freeAtMs ?? null
      if (slotWait !== null || wait === null || wait.freeAtMs > waitUntilMs) {
        return { kind: 'refused', error: errorOf(refusal), freeAtMs }
      }
      // Without a slot it is looked once more whether another gateway has ordered the same in the meantime.
      slotWait = await wait.until(waitUntilMs)
    }
  }

  /** The store may have written an order down without our hearing of it in time. It is not sent any more. */
  function withdraw({ id: taskId }: Task): void {
    sleep(maxLateCommitMs, undefined, { ref: false })
      .then(() => retryUntilStored(() => record(taskId, { kind: 'refused', refusal: notStored })))
      .catch((error: unknown) => log.error({ err: error, taskId }, 'an order that was not sent could not be withdrawn'))
  }
}

/** Asks for admission when it is first needed, however often the answer is; or has the answer already. */
function lazyAdmission(
  ask: () => Promise<Admission>,
  known: Admission | null,
): { answer: () => Promise<Admission>; release: () => void } {
  let answer = known === null ? null : Promise.resolve(known)
  return {
    answer: () => (answer ??= ask()),
    release() {
      void answer?.then((admission) => {
        if (admission.kind === 'admitted') admission.release()
      })
    },
  }
}

function newTask(owner: string, provider: ProviderName, input: SeparateInput, nowMs: number): Task {
  return {
    id: newTaskId(),
    owner,
    provider,
    providerTaskId: null,
    sharedProviderTaskId: null,
    type: input.type,
    musicTaskId: input.musicTaskId,
    audioId: input.audioId,
    musicId: null,
    originUrl: null,
    charge: 'MAYBE',
    revision: 1,
    createdAtMs: nowMs,
    isCreatedAtKnown: true,
    state: 'pending',
    partial: null,
    incompleteSinceMs: null,
  }
}

/**
 * Whether a task still answers an order for the same track: it is under way, or its files are there, or it may be charged
 * and may still succeed.
 */
function canAnswer(task: Task, provider: Provider, giveUpAfterMs: number, nowMs: number): boolean {
  switch (task.state) {
    case 'pending':
      return true
    case 'succeeded':
      return (expiresAtMs(task, provider.retentionMs) ?? 0) > nowMs
    case 'failed': {
      const isFollowed = mayStillSucceed(task) && nowMs < task.createdAtMs + giveUpAfterMs
      return isFollowed || task.failure.code === 'SUBMISSION_UNCONFIRMED'
    }
  }
}
