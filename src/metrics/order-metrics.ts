import type { RequestRate } from '../limits/request-rate.ts'
import { budgetKinds, budgetPeriods, type Budget } from '../separation/caller-limits.ts'
import { StoreUnavailableError } from '../separation/errors.ts'
import type { OrderRefusal } from '../separation/order/order-refusal.ts'
import type { SeparateOutcome } from '../separation/order/separate.ts'
import type { Separations } from '../separation/separations.ts'
import { providerNames, type ProviderName } from '../separation/task/provider-name.ts'
import type { SeparationType } from '../separation/task/separation-type.ts'
import type { Meter } from './meter.ts'

export interface OrderMetricsOptions {
  /** The providers that are on. */
  readonly providers: readonly ProviderName[]
  readonly defaultProvider: ProviderName
  /** What a separation costs, in credits, as far as it is configured. */
  readonly creditsOf: (provider: ProviderName, type: SeparationType) => number
}

const refusalKinds = [
  'invalid-input',
  'idempotency-conflict',
  'task-deleted',
  'insufficient-credits',
  'budget-exceeded',
  'rate-limited',
  'track-not-found',
  'refused',
  'unavailable',
] as const satisfies readonly OrderRefusal['kind'][]

/** The outcome of an order for its caller. */
interface Outcome {
  readonly outcome: 'accepted' | 'joined' | 'refused' | 'failed'
  readonly reason: 'none' | 'caller-rate' | 'store-unavailable' | 'internal' | OrderRefusal['kind']
}

export interface OrderMetrics {
  /** The same, and counts every order. */
  counted(separate: Separations['separate']): Separations['separate']
  /** The same, and counts the orders beyond the rate of their caller, which it refuses. */
  countedRate(rate: RequestRate): RequestRate
  /** Counts a budget of which a caller has used most. */
  budgetWarning(budget: Budget): void
}

export function createOrderMetrics(meter: Meter, options: OrderMetricsOptions): OrderMetrics {
  const { providers, defaultProvider, creditsOf } = options
  const orders = meter.counter({
    name: 'stemgate_orders_total',
    help: 'Orders of callers. accepted: a new task. joined: an earlier task answered the order, so it was not paid for again. refused: nothing was charged; the reason says why. failed: an error of the gateway.',
    labels: ['provider', 'outcome', 'reason'],
  })
  const savedCredits = meter.counter({
    name: 'stemgate_saved_credits_total',
    help: 'Credits of the orders that joined an earlier task, by the prices that the operator has configured.',
    labels: ['provider'],
  })
  const budgetWarnings = meter.counter({
    name: 'stemgate_budget_warnings_total',
    help: 'Budgets of callers of which 80 % were used, by kind and period. The log names the callers.',
    labels: ['budget', 'period'],
  })
  // A counter that begins with its first event hides that event from increase().
  for (const provider of providers) {
    orders.inc({ provider, outcome: 'accepted', reason: 'none' }, 0)
    orders.inc({ provider, outcome: 'joined', reason: 'none' }, 0)
    for (const reason of refusalKinds) orders.inc({ provider, outcome: 'refused', reason }, 0)
    savedCredits.inc({ provider }, 0)
  }

  for (const budget of budgetKinds) {
    for (const period of budgetPeriods) budgetWarnings.inc({ budget, period }, 0)
  }

  return {
    budgetWarning: ({ kind, period }) => budgetWarnings.inc({ budget: kind, period }),
    counted: (separate) => async (owner, input, permission) => {
      // The input is not checked yet.
      const provider = providerNames.find((name) => name === input.provider) ?? defaultProvider
      try {
        const result = await separate(owner, input, permission)
        const { outcome, reason } = outcomeOf(result)
        orders.inc({ provider, outcome, reason })
        if (outcome === 'joined') savedCredits.inc({ provider }, creditsOf(provider, input.type))
        return result
      } catch (error) {
        const reason = error instanceof StoreUnavailableError ? 'store-unavailable' : 'internal'
        orders.inc({ provider, outcome: 'failed', reason })
        throw error
      }
    },
    countedRate: (rate) => ({
      ...rate,
      async acquire(caller) {
        const waitSeconds = await rate.acquire(caller)
        if (waitSeconds > 0) orders.inc({ provider: 'unknown', outcome: 'refused', reason: 'caller-rate' })
        return waitSeconds
      },
    }),
  }
}

function outcomeOf(result: SeparateOutcome): Outcome {
  switch (result.kind) {
    case 'accepted':
      return { outcome: result.reused ? 'joined' : 'accepted', reason: 'none' }
    case 'refused':
      return { outcome: 'refused', reason: result.refusal.kind }
  }
}
