import type { TaskChangeListener } from '../separation/advance/record.ts'
import { hasEvent, isSettled, type Task } from '../separation/task/task.ts'
import { settledAtMs } from '../separation/task/task-times.ts'
import { statusOf } from '../separation/task/task-status.ts'
import type { ProviderName } from '../separation/task/provider-name.ts'
import type { SeparationType } from '../separation/task/separation-type.ts'
import type { Meter } from './meter.ts'

export interface TaskMetricsOptions {
  /** The providers that are on. */
  readonly providers: readonly ProviderName[]
  /** What a separation costs, in credits, as far as it is configured. */
  readonly creditsOf: (provider: ProviderName, type: SeparationType) => number
}

/** How long separations take, in seconds. */
const resultBuckets = [5, 10, 20, 30, 60, 90, 120, 180, 300, 600, 1_800, 3_600, 21_600, 86_400]

/** Counts what happens to tasks. Each change is counted once, by the gateway that stored it. */
export function createTaskMetrics(meter: Meter, { providers, creditsOf }: TaskMetricsOptions): TaskChangeListener {
  const charges = meter.counter({
    name: 'stemgate_charges_total',
    help: 'Orders by whether the provider charged them. charged: it accepted the order. maybe: the answer was lost, so it may have charged; if it did, the order is counted as charged as well once that is known.',
    labels: ['provider', 'charge'],
  })
  const credits = meter.counter({
    name: 'stemgate_charged_credits_total',
    help: 'Credits of the orders that providers accepted, by the prices that the operator has configured.',
    labels: ['provider'],
  })
  const settled = meter.counter({
    name: 'stemgate_settled_tasks_total',
    help: 'Tasks that were settled, by status and by the code of the failure (none: a success).',
    labels: ['provider', 'status', 'failure'],
  })
  const recovered = meter.counter({
    name: 'stemgate_recovered_tasks_total',
    help: 'Failed tasks whose result arrived later after all, so that they became a success.',
    labels: ['provider'],
  })
  const resultTimes = meter.histogram({
    name: 'stemgate_order_to_result_seconds',
    help: 'Time from an order until its result was received, of orders that succeeded.',
    labels: ['provider', 'type'],
    buckets: resultBuckets,
  })
  // A counter that begins with its first event hides that event from increase().
  for (const provider of providers) {
    for (const charge of ['charged', 'maybe']) charges.inc({ provider, charge }, 0)
    credits.inc({ provider }, 0)
    recovered.inc({ provider }, 0)
    settled.inc({ provider, status: 'SUCCESS', failure: 'none' }, 0)
  }

  function countCharge(before: Task, after: Task): void {
    const { provider, type, charge } = after
    // A task that was made outside was not charged to an order of this gateway.
    if (after.musicTaskId === null) return
    if (charge === 'CHARGED' && before.charge !== 'CHARGED') {
      charges.inc({ provider, charge: 'charged' })
      if (type !== null) credits.inc({ provider }, creditsOf(provider, type))
    }
    if (mayBeCharged(after) && !mayBeCharged(before)) charges.inc({ provider, charge: 'maybe' })
  }

  function countSettlement(before: Task, after: Task): void {
    const { provider } = after
    if (isSettled(before) || !isSettled(after)) {
      if (before.state === 'failed' && after.state === 'succeeded') recovered.inc({ provider })
      return
    }
    const failure = after.state === 'failed' ? after.failure.code : 'none'
    settled.inc({ provider, status: statusOf(after), failure })
    if (after.state !== 'succeeded' || after.type === null || after.musicTaskId === null) return
    const seconds = ((settledAtMs(after) ?? after.updatedAtMs) - after.createdAtMs) / 1_000
    resultTimes.observe({ provider, type: after.type }, Math.max(0, seconds))
  }

  return (before, after) => {
    countCharge(before, after)
    countSettlement(before, after)
  }
}

/** Whether the answer to the order is lost. Each order is MAYBE while its answer is awaited. */
function mayBeCharged(task: Task): boolean {
  return task.charge === 'MAYBE' && (hasEvent(task, 'unanswered') || isSettled(task))
}
