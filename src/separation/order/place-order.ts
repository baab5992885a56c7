import { setTimeout as sleep } from 'node:timers/promises'
import type { Log } from '../../runtime/log.ts'
import type { Trace } from '../../runtime/trace.ts'
import type { RecordReports } from '../advance/record.ts'
import type { CallerLimits } from '../caller-limits.ts'
import type { Changes } from '../changes.ts'
import { StoreUnavailableError } from '../errors.ts'
import type { Admission, Provider } from '../provider.ts'
import type { AnsweredOrder, OrderResult, OrderWriter } from '../store/order-writer.ts'
import type { Clock } from '../store/clock.ts'
import { createTaskLog } from '../task-log.ts'
import type { Task } from '../task/task.ts'
import type { Refusal } from '../task/failure.ts'
import { claimsOf, type ClaimOnBudget, type PriceOf } from './budget-claims.ts'
import { budgetMessages } from './budget-messages.ts'
import { createBudgetWarnings, type BudgetWarningsOptions } from './budget-warnings.ts'
import { webhookEndpoint } from '../webhooks/webhook-endpoint.ts'
import { canAnswer } from './can-answer.ts'
import type { Expectations } from './expectations.ts'
import { serializeEqualOrders, type OrderOutcome, type OrderRequest } from './equal-orders.ts'
import { newTask, queued } from './new-task.ts'
import { budgetExceeded, orderRefusalOf, taskDeleted, type OrderRefusal } from './order-refusal.ts'
import { retryUntilStored } from './retry-until-stored.ts'
import { fingerprintOf, type SeparateInput } from './separate-input.ts'

export interface PlaceOrderOptions {
  readonly store: OrderWriter
  readonly clock: Clock
  readonly record: RecordReports
  readonly expectations: Pick<Expectations, 'expectedAtMs'>
  readonly changes: Changes
  readonly log: Log
  readonly priceOf: PriceOf
  readonly onBudgetWarning?: BudgetWarningsOptions['onWarning']
  /** How long an order waits for a slot within the provider's rate. */
  readonly submitWaitMs: number
  /** The time from an order to the first check of its task. */
  readonly firstCheckAfterMs: number
  /** How long a task that only a callback reports as failed is still checked. */
  readonly giveUpAfterMs: number
  /** See `FileRetention`. */
  readonly archiveMs: number | null
}

/**
 * Stores an order, unless an earlier task answers it. A new order needs a slot at the provider, for which it waits up to
 * `submitWaitMs`, or without which it is queued; an order that joins a task needs none. A new order also needs room in the
 * budgets of its caller, and takes no slot without it.
 */
export type PlaceOrder = (
  owner: string,
  input: SeparateInput,
  provider: Provider,
  options: { readonly mayQueue: boolean; readonly limits: CallerLimits; readonly trace: Trace | null },
) => Promise<AnsweredOrder | { readonly kind: 'refused'; readonly refusal: OrderRefusal }>

/** The longest time after which a write that timed out may still be committed. */
const maxLateCommitMs = 10_000
const notStored: Refusal = {
  reason: 'unavailable',
  providerCode: null,
  message: 'The order could not be stored in time, so it was not sent and nothing was charged. Order again.',
  retryable: true,
  retryAfterSeconds: null,
}

export function createPlaceOrder({
  store,
  clock,
  record,
  expectations,
  changes,
  log,
  priceOf,
  onBudgetWarning,
  submitWaitMs,
  firstCheckAfterMs,
  giveUpAfterMs,
  archiveMs,
}: PlaceOrderOptions): PlaceOrder {
  const createInTurn = serializeEqualOrders(createOne)
  const taskLog = createTaskLog(log)
  const warnings = createBudgetWarnings({ log, onWarning: onBudgetWarning })

  return async function placeOrder(owner, input, provider, { mayQueue, limits, trace }) {
    const track = JSON.stringify([owner, provider.name, input.type, input.musicTaskId, input.audioId])
    const webhookUrl = input.webhookUrl ?? limits.webhookUrl
    const outcome = await createInTurn({
      webhook: webhookUrl === null ? undefined : webhookEndpoint(owner, webhookUrl),
      owner,
      provider,
      track,
      input,
      limits,
      mayQueue,
      trace,
      waitUntilMs: performance.now() + submitWaitMs,
    })
    switch (outcome.kind) {
      case 'placed':
        return outcome.result
      case 'refused':
        return outcome
      case 'failed':
        throw outcome.error
    }
  }

  async function createOne(request: OrderRequest): Promise<OrderOutcome> {
    const { owner, provider, input, limits, webhook, mayQueue, waitUntilMs } = request
    const { idempotencyKey: key, musicTaskId, audioId } = input
    let waited: Admission | null = null
    for (;;) {
      const nowMs = clock.nowMs()
      const expectedAtMs = expectations.expectedAtMs(provider.name, input.type, nowMs)
      const task = newTask(request, nowMs, expectedAtMs)
      const claims = claimsOf(
        limits.budgets,
        { provider: provider.name, type: input.type, createdAtMs: nowMs },
        priceOf,
      )
      const order = {
        task,
        claims,
        webhook,
        messages: (used: readonly number[]) => budgetMessages(owner, limits.webhookUrl, claims, used, nowMs),
        key: key === null ? null : { owner, key, fingerprint: fingerprintOf(input) },
        dueAtMs: nowMs + firstCheckAfterMs,
        canJoin: input.force
          ? null
          : (earlier: Task) =>
              canAnswer(earlier, { providerMs: provider.retentionMs, archiveMs }, giveUpAfterMs, clock.nowMs()),
      }
      const create = (isAdmitted: boolean) => store.createOrder({ ...order, isAdmitted })
      // It is checked when it is given up. If the store commits it after an error, it is sent all the same, and charged: an
      // order that is repeated joins it.
      const enqueue = async () => {
        const dueAtMs = nowMs + giveUpAfterMs
        const result = await store.createOrder({ ...order, task: queued(task), dueAtMs, isAdmitted: true })
        if (result.kind === 'new') announce('task.queued', result.task)
        return result
      }
      // An order that an earlier task answers needs no slot.
      const found = waited === null ? await create(false) : null
      if (found?.kind === 'over-budget') return overBudget(found, claims, clock.nowMs())
      if (found?.kind === 'deleted') return { kind: 'refused', refusal: taskDeleted(found.tombstone), freeAtMs: null }
      if (found !== null && found.kind !== 'not-admitted') return { kind: 'placed', result: found }

      const admission: Admission = waited ?? (await provider.admit({ owner, musicTaskId, audioId, type: input.type }))
      const isRateUsedUp = admission.kind === 'not-admitted' && admission.wait !== null
      // Looks again: another gateway may have stored an equal order meanwhile.
      const result =
        admission.kind === 'admitted'
          ? await createAdmitted(task, admission, create)
          : await (mayQueue && isRateUsedUp ? enqueue() : create(false))
      if (result.kind === 'over-budget') return overBudget(result, claims, clock.nowMs())
      if (result.kind === 'deleted') return { kind: 'refused', refusal: taskDeleted(result.tombstone), freeAtMs: null }
      if (result.kind === 'new') warnings.check(owner, claims, result.used ?? [])
      if (result.kind !== 'not-admitted') return { kind: 'placed', result }
      if (admission.kind === 'admitted') throw new Error('The store refused an order that was admitted.')
      const { refusal, wait }: Extract<Admission, { kind: 'not-admitted' }> = admission
      if (waited !== null || wait === null || wait.freeAtMs > waitUntilMs) {
        return { kind: 'refused', refusal: orderRefusalOf(refusal, null), freeAtMs: wait?.freeAtMs ?? null }
      }
      waited = await wait.until(waitUntilMs)
    }
  }

  /** Stores an order that has its slot. If it is not stored, its slot goes to the next order. */
  async function createAdmitted(
    task: Task,
    admission: Extract<Admission, { kind: 'admitted' }>,
    create: (isAdmitted: true) => Promise<OrderResult>,
  ): Promise<OrderResult> {
    let result: OrderResult | null = null
    try {
      result = await create(true)
      if (result.kind === 'new') announce('task.ordered', result.task)
      return result
    } catch (error) {
      if (error instanceof StoreUnavailableError) withdraw(task)
      throw error
    } finally {
      if (result?.kind === 'new') admission.sent()
      else admission.release()
    }
  }

  function announce(event: 'task.ordered' | 'task.queued', task: Task): void {
    taskLog.created(event, task)
    changes.publish(task.id, task.owner)
  }

  /** The store may have committed an order after its write timed out. The order is never sent. */
  function withdraw({ id: taskId }: Task): void {
    sleep(maxLateCommitMs, undefined, { ref: false })
      .then(() => retryUntilStored(() => record(taskId, { kind: 'refused', refusal: notStored })))
      .catch((error: unknown) => log.error({ err: error, taskId }, 'an order that was not sent could not be withdrawn'))
  }
}

function overBudget(
  { claim: index, used }: Extract<OrderResult, { readonly kind: 'over-budget' }>,
  claims: readonly ClaimOnBudget[],
  nowMs: number,
): OrderOutcome {
  const claim = claims[index]
  if (claim === undefined) throw new Error('The store refused an order for a claim that it was not given.')
  const status = { budget: claim.budget, used, resetsAtMs: claim.endMs }
  return { kind: 'refused', refusal: budgetExceeded(status, claim.amount, nowMs), freeAtMs: null }
}
