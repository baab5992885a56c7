import type { Backlog, BacklogReader } from '../separation/store/backlog-reader.ts'
import type { Clock } from '../separation/store/clock.ts'
import type { ProviderName } from '../separation/task/provider-name.ts'
import { createKeptValue } from './kept-value.ts'
import type { Meter } from './meter.ts'

export interface BacklogMetricsOptions {
  readonly store: BacklogReader
  readonly clock: Clock
  /** The providers that are on: shown also without a task. */
  readonly providers: readonly ProviderName[]
}

/** After this time without the check that is due, a task is overdue. In milliseconds. */
const overdueAfterMs = 120_000

const empty: Backlog = { pending: 0, queued: 0, oldestAtMs: null, overdue: 0 }

/** Shows what waits in the database; nothing if it does not answer. All gateways of a database show the same. */
export function createBacklogMetrics(meter: Meter, { store, clock, providers }: BacklogMetricsOptions): void {
  const read = createKeptValue(() => store.backlog(clock.nowMs() - overdueAfterMs))
  show(
    'pending_tasks',
    'Tasks that are not settled. The same at every gateway of a database.',
    ({ pending }) => pending,
  )
  show(
    'queued_tasks',
    'Orders that are stored and not sent yet. The same at every gateway of a database.',
    ({ queued }) => queued,
  )
  show(
    'oldest_pending_task_age_seconds',
    'Age of the oldest task that is not settled; 0 without one. The same at every gateway of a database.',
    ({ oldestAtMs }) => (oldestAtMs === null ? 0 : Math.max(0, clock.nowMs() - oldestAtMs) / 1_000),
  )
  show(
    'overdue_tasks',
    'Tasks whose check should have begun more than 2 minutes ago. The same at every gateway of a database.',
    ({ overdue }) => overdue,
  )

  function show(name: string, help: string, valueOf: (backlog: Backlog) => number): void {
    meter.gauge({
      name: `stemgate_${name}`,
      help,
      labels: ['provider'],
      async collect(gauge) {
        const backlogs = await read()
        const names = backlogs === null ? [] : new Set([...providers, ...backlogs.keys()])
        // Together, because another scrape may be under way.
        gauge.reset()
        for (const provider of names) gauge.set({ provider }, valueOf(backlogs?.get(provider) ?? empty))
      },
    })
  }
}
