import { sql, type Kysely, type SqlBool } from 'kysely'
import * as z from 'zod'
import type { BudgetClaim, BudgetCounter } from '../../separation/store/budget-reader.ts'
import { providerNames } from '../../separation/task/provider-name.ts'
import { separationTypes } from '../../separation/task/separation-type.ts'
import type { Task } from '../../separation/task/task.ts'
import { firstRowOf, rowsOf, rowsWrittenBy, type Job } from '../database/job.ts'
import { prepareQuery, type Placeholder } from '../database/prepared-query.ts'
import type { Database } from '../database/tables.ts'

/** One counter of one owner. */
interface CounterKey {
  readonly owner: string
  readonly name: string
  readonly startMs: number
}

/** What an order has taken from a counter. */
type Taken = CounterKey & { readonly amount: number }

/** The result of the claims of an order. */
export type TakeResult =
  | { readonly kind: 'taken'; readonly used: readonly number[] }
  /** Nothing was taken: this claim would exceed its limit. */
  | { readonly kind: 'over-budget'; readonly claim: number; readonly used: number }

/** The jobs of budgets. */
export interface BudgetJobs {
  /** What each counter has. Writes nothing. */
  used(owner: string, counters: readonly BudgetCounter[]): Job<readonly number[]>
  /** The first claim that would exceed its limit; null if there is none. Writes nothing. */
  findExceeded(owner: string, claims: readonly BudgetClaim[]): Job<Extract<TakeResult, { kind: 'over-budget' }> | null>
  /** Takes all claims, or nothing. */
  take(owner: string, claims: readonly BudgetClaim[]): Job<TakeResult>
  /** Drops the counters of an owner whose tasks were not all counted. They are counted anew. */
  drop(owner: string): Job<void>
  /** Gives back what the task has taken if the change makes it uncounted, or takes it again, whatever the limit is. */
  recount(task: Task, before: Task): Job<void>
}

/** Sums of prices are not exact: a limit of 0.3 allows three orders of 0.1. */
const tolerance = 1e-6

const reservedSchema = z.array(z.tuple([z.string(), z.number(), z.number()]))

/** Whether the order of the task counts: it waits to be sent, or may be charged. */
export function isCounted({ charge, state }: Task): boolean {
  return charge !== 'NONE' || state === 'pending'
}

/** The claims of an order, as its row keeps them. null: none. */
export function reservedOf(claims: readonly BudgetClaim[]): string | null {
  if (claims.length === 0) return null
  return JSON.stringify(claims.toSorted(byName).map(({ name, startMs, amount }) => [name, startMs, amount]))
}

export function createBudgetJobs(db: Kysely<Database>): BudgetJobs {
  const selectUsed = prepareQuery((value: Placeholder<CounterKey>) =>
    db
      .selectFrom('budgets')
      .select('used')
      .where('owner', '=', value('owner'))
      .where('name', '=', value('name'))
      .where('window_start', '=', value('startMs')),
  )
  const add = prepareQuery((value: Placeholder<Taken>) =>
    db
      .updateTable('budgets')
      .set({ used: sql<number>`used + ${value('amount')}` })
      .where('owner', '=', value('owner'))
      .where('name', '=', value('name'))
      .where('window_start', '=', value('startMs')),
  )
  const addWithinLimit = prepareQuery((value: Placeholder<Taken & { limit: number }>) =>
    db
      .updateTable('budgets')
      .set({ used: sql<number>`used + ${value('amount')}` })
      .where('owner', '=', value('owner'))
      .where('name', '=', value('name'))
      .where('window_start', '=', value('startMs'))
      .where(sql<SqlBool>`used + ${value('amount')} <= ${value('limit')}`)
      .returning('used'),
  )
  const selectReserved = prepareQuery((value: Placeholder<{ id: string }>) =>
    db.selectFrom('tasks').select('reserved').where('id', '=', value('id')),
  )

  return {
    *used(owner, counters) {
      const used: number[] = []
      for (const counter of counters) used.push(rounded(yield* currentOrCounted(owner, counter)))
      return used
    },

    *findExceeded(owner, claims) {
      for (const [index, claim] of claims.entries()) {
        const used = yield* currentOrCounted(owner, claim)
        if (used + claim.amount > claim.limit + tolerance) return over(index, used)
      }
      return null
    },

    *take(owner, claims) {
      const used: number[] = []
      const taken: Taken[] = []
      for (const [index, claim] of [...claims.entries()].toSorted(([, a], [, b]) => byName(a, b))) {
        const after = (yield* takeOne(owner, claim)) ?? (yield* takeFirst(owner, claim))
        if (after === null) {
          const current = yield* currentOrCounted(owner, claim)
          for (const each of taken) yield* rowsWrittenBy(add({ ...each, amount: -each.amount }))
          return over(index, current)
        }
        used[index] = rounded(after)
        taken.push({ owner, ...claim })
      }
      return { kind: 'taken', used }
    },

    *drop(owner) {
      yield* rowsWrittenBy(db.deleteFrom('budgets').where('owner', '=', owner))
    },

    *recount(task, before) {
      const sign = Number(isCounted(task)) - Number(isCounted(before))
      if (sign === 0) return
      const row = yield* firstRowOf(selectReserved(task))
      if (row?.reserved === null || row === undefined) return
      for (const { amount, ...key } of parseReserved(row.reserved)) {
        yield* rowsWrittenBy(add({ owner: task.owner, ...key, amount: sign * amount }))
      }
    },
  }

  /** What the counter has after the claim; null if it does not exist, or the claim would exceed its limit. */
  function* takeOne(owner: string, claim: BudgetClaim): Job<number | null> {
    const row = yield* firstRowOf(addWithinLimit({ owner, ...claim, limit: claim.limit + tolerance }))
    return row?.used ?? null
  }

  /** Creates the counter, unless it exists by now, and takes the claim from it. */
  function* takeFirst(owner: string, claim: BudgetClaim): Job<number | null> {
    if ((yield* firstRowOf(selectUsed({ owner, ...claim }))) === undefined) yield* createCounter(owner, claim)
    return yield* takeOne(owner, claim)
  }

  function* createCounter(owner: string, claim: BudgetClaim): Job<void> {
    const { name, startMs } = claim
    // Windows that have ended are not needed: a gateway whose clock is behind counts the tasks again.
    yield* rowsWrittenBy(
      db.deleteFrom('budgets').where('owner', '=', owner).where('name', '=', name).where('window_start', '<', startMs),
    )
    yield* rowsWrittenBy(
      db
        .insertInto('budgets')
        .values({ owner, name, window_start: startMs, used: yield* countTasks(owner, claim) })
        .onConflict((conflict) => conflict.columns(['owner', 'name', 'window_start']).doNothing()),
    )
  }

  function* currentOrCounted(owner: string, counter: BudgetCounter): Job<number> {
    const row = yield* firstRowOf(selectUsed({ owner, ...counter }))
    return row?.used ?? (yield* countTasks(owner, counter))
  }

  /** What the orders of the window count, for a budget that is new or whose window has just begun. */
  function* countTasks(owner: string, { startMs, endMs, amountOf }: BudgetCounter): Job<number> {
    const rows = yield* rowsOf(
      db
        .selectFrom('tasks')
        .select(({ fn }) => ['provider', 'type', fn.countAll<number>().as('count')])
        .where('owner', '=', owner)
        .where('created_at', '>=', startMs)
        .where('created_at', '<', endMs)
        // Not an adopted task: it answers no order.
        .where('music_task_id', 'is not', null)
        .where((eb) => eb.or([eb('charge', '!=', 'NONE'), eb('status', '=', 'PENDING')]))
        .groupBy(['provider', 'type']),
    )
    const amounts = rows.map((row) => {
      const provider = providerNames.find((name) => name === row.provider)
      const type = separationTypes.find((name) => name === row.type)
      return provider === undefined || type === undefined ? 0 : row.count * amountOf(provider, type)
    })
    return amounts.reduce((sum, amount) => sum + amount, 0)
  }
}

function over(claim: number, used: number): Extract<TakeResult, { kind: 'over-budget' }> {
  return { kind: 'over-budget', claim, used: rounded(used) }
}

/** Every transaction writes the counters of an owner in this order, so that none waits for another that waits for it. */
function byName(a: BudgetCounter, b: BudgetCounter): number {
  return a.name < b.name ? -1 : 1
}

/** The claims that a row keeps: see `reservedOf`. */
export function parseReserved(text: string): readonly { name: string; startMs: number; amount: number }[] {
  return reservedSchema.parse(JSON.parse(text)).map(([name, startMs, amount]) => ({ name, startMs, amount }))
}

function rounded(amount: number): number {
  return Math.round(amount * 1e6) / 1e6
}
