import { setTimeout as sleep } from 'node:timers/promises'
import { placeOneByOne, type Order, type Outcome } from './equal-orders.ts'
import { errorOf, StoreUnavailableError } from '../errors.ts'
import type { Record } from '../advance/record.ts'
import { fingerprintOf, type SeparateInput } from './separate-input.ts'
import { newTaskId } from '../task-id.ts'
import { expiresAtMs, mayBeAtWork, type ProviderName, type Refusal, type Task } from '../task.ts'
import { untilStored } from './retry-until-stored.ts'
import type { Admission, Provider } from '../provider.ts'
import type { Log } from '../../runtime/log.ts'
import type { Placed, PlacedTask, Store } from '../store.ts'

export interface PlacingOptions {
  readonly store: Store
  readonly record: Record
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
export type Placing = (owner: string, input: SeparateInput, provider: Provider) => Promise<PlacedTask>

/** After this no store still does what was asked of it, in milliseconds. */
const lateCommitMs = 10_000
const notWrittenDown: Refusal = {
  reason: 'unavailable',
  providerCode: null,
  message: 'The order could not be written down in time, so it was not sent and nothing was charged. Order again.',
  retryable: true,
  retryAfterSeconds: null,
}

export function createPlacing({
  store,
  record,
  log,
  submitWaitMs,
  firstCheckAfterMs,
  giveUpAfterMs,
}: PlacingOptions): Placing {
  const place = placeOneByOne(placeOne)

  return async function placeOrJoin(owner, input, provider) {
    const track = JSON.stringify([owner, provider.name, input.type, input.musicTaskId, input.audioId])
    const outcome = await place({ owner, provider, track, input, waitUntilMs: performance.now() + submitWaitMs })
    if (outcome.kind === 'placed') return outcome.placed
    throw outcome.error
  }

  async function placeOne({ owner, provider, input, waitUntilMs }: Order): Promise<Outcome> {
    const { idempotencyKey: key, musicTaskId, audioId } = input
    let waitedFor: Admission | null = null
    for (;;) {
      const asked = askOnce(() => provider.admit({ owner, musicTaskId, audioId }), waitedFor)
      const nowMs = store.nowMs()
      let placed: Placed | null = null
      const task = newTask(owner, provider.name, input, nowMs)
      try {
        placed = await store.place({
          task,
          key: key === null ? null : { owner, key, fingerprint: fingerprintOf(input) },
          dueAtMs: nowMs + firstCheckAfterMs,
          canJoin: input.force ? null : (earlier) => answersTheSame(earlier, provider, giveUpAfterMs, store.nowMs()),
          isAdmitted: async () => (await asked.answer()).kind === 'admitted',
        })
      } catch (error) {
        if (error instanceof StoreUnavailableError) withdraw(task)
        throw error
      } finally {
        if (placed?.kind !== 'new') asked.giveBack()
      }
      if (placed.kind !== 'not-admitted') return { kind: 'placed', placed }
      const admission = await asked.answer()
      if (admission.kind === 'admitted') throw new Error('The store refused an order that was admitted.')
      const { refusal, wait } = admission
      const freeAtMs = wait?.freeAtMs ?? null
      if (waitedFor !== null || wait === null || wait.freeAtMs > waitUntilMs) {
        return { kind: 'refused', error: errorOf(refusal), freeAtMs }
      }
      // Without a slot it is looked once more whether another gateway has ordered the same in the meantime.
      waitedFor = await wait.until(waitUntilMs)
    }
  }

  /** The store may have written an order down without our hearing of it in time. It is not sent any more. */
  function withdraw({ id: taskId }: Task): void {
    sleep(lateCommitMs, undefined, { ref: false })
      .then(() => untilStored(() => record(taskId, { kind: 'refused', refusal: notWrittenDown })))
      .catch((error: unknown) => log.error({ err: error, taskId }, 'an order that was not sent could not be withdrawn'))
  }
}

/** Asks for admission when it is first needed, however often the answer is; or has the answer already. */
function askOnce(
  ask: () => Promise<Admission>,
  known: Admission | null,
): { answer: () => Promise<Admission>; giveBack: () => void } {
  let answer = known === null ? null : Promise.resolve(known)
  return {
    answer: () => (answer ??= ask()),
    giveBack() {
      void answer?.then((admission) => {
        if (admission.kind === 'admitted') admission.giveBack()
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
function answersTheSame(task: Task, provider: Provider, giveUpAfterMs: number, nowMs: number): boolean {
  switch (task.state) {
    case 'pending':
      return true
    case 'succeeded':
      return (expiresAtMs(task, provider.retentionMs) ?? 0) > nowMs
    case 'failed': {
      const isFollowed = mayBeAtWork(task) && nowMs < task.createdAtMs + giveUpAfterMs
      return isFollowed || task.failure.code === 'SUBMISSION_UNCONFIRMED'
    }
  }
}
