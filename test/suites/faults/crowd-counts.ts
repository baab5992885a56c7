import type { Evidence } from './evidence.ts'

/** What came of the orders, for people. */
export function crowdCounts({ callers, orders, watches, told, purge }: Evidence): Readonly<Record<string, number>> {
  const tasks = callers.flatMap((caller) => caller.tasks)
  const ends = orders.map(({ ended }) => ended)
  const usedUp = callers.filter(({ budget }) => budget !== null && (budget.used ?? 0) >= budget.limit)
  return {
    'orders answered with a task': ends.filter(({ kind }) => kind === 'task').length,
    '… that waited in the queue': ends.filter((ended) => ended.kind === 'task' && ended.wasQueued).length,
    '… refused because of a budget': ends.filter(
      (ended) => ended.kind === 'refused' && ended.error === 'BudgetExceededError',
    ).length,
    'tasks at the gateways': tasks.length,
    'tasks never confirmed': tasks.filter(({ failure }) => failure?.code === 'SUBMISSION_UNCONFIRMED').length,
    callers: callers.length,
    '… whose budget is used up': usedUp.length,
    'webhooks that arrived': told.length,
    '… for the first time': new Set(told.map(({ id }) => id)).size,
    '… that warned of a budget': told.filter(({ type }) => type === 'budget.warning').length,
    'old tasks deleted': purge?.expired.deleted ?? 0,
    'watches ended': watches.filter(({ ended }) => ended !== null).length,
  }
}
