import type { PurgeObserver } from '../separation/purge/retention.ts'
import type { Clock } from '../separation/store/clock.ts'
import type { TaskDeleter } from '../separation/store/task-deleter.ts'
import { createKeptValue } from './kept-value.ts'
import type { Meter } from './meter.ts'

export interface RetentionMetricsOptions {
  readonly store: Pick<TaskDeleter, 'oldestTaskAtMs'>
  readonly clock: Clock
}

/** Counts the tasks that are deleted because of their age, and shows how old the oldest one is. */
export function createRetentionMetrics(meter: Meter, { store, clock }: RetentionMetricsOptions): PurgeObserver {
  const purged = meter.counter({
    name: 'stemgate_purged_tasks_total',
    help: 'Tasks that this gateway has deleted because they were older than TASKS_KEPT_DAYS.',
  })
  const lastRun = meter.gauge({
    name: 'stemgate_last_purge_timestamp_seconds',
    help: 'When this gateway last finished deleting the tasks older than TASKS_KEPT_DAYS. One gateway at a time does it: take the maximum. Missing before the first time.',
  })
  lastRun.remove()
  const readOldest = createKeptValue(store.oldestTaskAtMs)
  meter.gauge({
    name: 'stemgate_oldest_task_age_seconds',
    help: 'How long ago the oldest task was stored; 0 without one. The same at every gateway of the database.',
    async collect(gauge) {
      // null: the database does not answer, or is empty.
      const oldestAtMs = await readOldest()
      gauge.set(oldestAtMs === null ? 0 : Math.max(0, clock.nowMs() - oldestAtMs) / 1_000)
    },
  })
  return {
    deleted: (tasks) => purged.inc(tasks),
    completed: (atMs) => lastRun.set(atMs / 1_000),
  }
}
