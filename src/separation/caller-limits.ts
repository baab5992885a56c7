import { separationTypes, type SeparationType } from './task/separation-type.ts'
import type { ProviderName } from './task/provider-name.ts'

/** What a budget counts: all orders, the orders of one type, or the credits that orders cost. */
export const budgetKinds = ['orders', ...separationTypes, 'credits'] as const
export type BudgetKind = (typeof budgetKinds)[number]

/** Calendar days and months, UTC. */
export const budgetPeriods = ['day', 'month'] as const
export type BudgetPeriod = (typeof budgetPeriods)[number]

/** How much a caller may order in each day or month. */
export interface Budget {
  readonly kind: BudgetKind
  readonly period: BudgetPeriod
  /** In orders; of `credits`, in credits. */
  readonly limit: number
}

/** A budget and what is used of it. */
export interface BudgetStatus {
  readonly budget: Budget
  readonly used: number
  /** When the next day or month starts, in milliseconds since 1970. */
  readonly resetsAtMs: number
}

/** What the operator has set for a caller. */
export interface CallerLimits {
  /** At most one of each kind and period. Every one of them applies. */
  readonly budgets: readonly Budget[]
  /** The providers that the caller may order from; null: all that are enabled. */
  readonly providers: readonly ProviderName[] | null
  /** The types that the caller may order; null: all. */
  readonly types: readonly SeparationType[] | null
  /** The URL that is told of the caller's tasks, unless an order names another one; null: none. */
  readonly webhookUrl: string | null
}

export const noLimits: CallerLimits = { budgets: [], providers: null, types: null, webhookUrl: null }

/** Whether the operator lets the caller order from this provider. */
export function mayUseProvider({ providers }: CallerLimits, provider: ProviderName): boolean {
  return providers === null || providers.includes(provider)
}

/** Whether the operator lets the caller order this type. */
export function mayUseType({ types }: CallerLimits, type: SeparationType): boolean {
  return types === null || types.includes(type)
}

/** The limits of a caller to whom budgets apply that it has no budget of its own for. */
export function withDefaultBudgets(limits: CallerLimits, defaults: readonly Budget[]): CallerLimits {
  const own = new Set(limits.budgets.map(({ kind }) => kind))
  const missing = defaults.filter(({ kind }) => !own.has(kind))
  return missing.length === 0 ? limits : { ...limits, budgets: [...limits.budgets, ...missing] }
}

/** A day or month of a budget, in milliseconds since 1970. It ends when the next one starts. */
export interface BudgetWindow {
  readonly startMs: number
  readonly endMs: number
}

/** The day or month in which a time is. */
export function windowOf(period: BudgetPeriod, atMs: number): BudgetWindow {
  const at = new Date(atMs)
  const [year, month, day] = [at.getUTCFullYear(), at.getUTCMonth(), at.getUTCDate()]
  switch (period) {
    case 'day':
      return { startMs: Date.UTC(year, month, day), endMs: Date.UTC(year, month, day + 1) }
    case 'month':
      return { startMs: Date.UTC(year, month), endMs: Date.UTC(year, month + 1) }
  }
}
