import { advance, isVisibleChange } from './advance.ts'
import { DuplicateBindingError, StoreUnavailableError } from '../errors.ts'
import { maxStems } from './merge-results.ts'
import type { DatedReport, Report } from './report.ts'
import type { Task } from '../task.ts'
import type { Changes } from '../changes.ts'
import type { Log } from '../../runtime/log.ts'
import type { Store } from '../store.ts'

/**
 * Makes reports part of their task and tells those who wait for it. The only way in which a task changes.
 * @param reports what was heard now, or what was heard before, oldest first; or what is to be concluded from the task as it
 * stands in that moment
 * @returns the task as it then is; null if there is no such task
 */
export type RecordReports = (
  taskId: string,
  reports: Report | readonly DatedReport[] | ((task: Task) => readonly DatedReport[]),
) => Promise<Task | null>

export function createRecord({ store, changes, log }: { store: Store; changes: Changes; log: Log }): RecordReports {
  return async function record(taskId, reports) {
    const given =
      typeof reports === 'object' && 'kind' in reports ? [{ report: reports, atMs: store.nowMs() }] : reports
    let mayBind = true
    let wasOvertaken = false
    for (;;) {
      const [task] = await store.find([taskId])
      if (task === undefined) return null
      const heard = typeof given === 'function' ? given(task) : given
      const next = advanceAll(task, mayBind ? heard : heard.map(asShared))
      if (next === task || !isVisibleChange(task, next)) {
        // It may have been this very report that was written, by an answer of the store's that was lost.
        if (wasOvertaken) changes.publish(taskId)
        return task
      }
      try {
        if (await store.replace(next, task)) {
          logUnkeptStems(next, heard)
          changes.publish(taskId)
          return next
        }
        wasOvertaken = true
      } catch (error) {
        // It may have been written all the same.
        if (error instanceof StoreUnavailableError) changes.publish(taskId)
        if (!(error instanceof DuplicateBindingError) || !mayBind) throw error
        log.error(
          { taskId },
          'the provider gave this task an id to which another task is bound; nothing is bound to it',
        )
        mayBind = false
      }
    }
  }

  function logUnkeptStems(task: Task, heard: readonly DatedReport[]): void {
    if (task.state !== 'succeeded' || task.stems.length < maxStems) return
    const reported = heard.flatMap(({ report }) =>
      report.kind === 'reported' && report.outcome.state === 'succeeded' ? report.outcome.stems.length : [],
    )
    log.warn(
      { taskId: task.id, reported, kept: maxStems },
      'a task has as many stems as are kept; further ones are not',
    )
  }
}

/** All reports in their order, as one change. */
function advanceAll(task: Task, reports: readonly DatedReport[]): Task {
  let next = task
  for (const { report, atMs } of reports) next = advance(next, report, atMs)
  return next === task ? task : { ...next, revision: task.revision + 1 }
}

/** The report of a task whose id another task has: an order that was taken was charged, whatever it is called. */
function asShared({ report, atMs }: DatedReport): DatedReport {
  const isWithId = report.kind === 'accepted' || report.kind === 'reported'
  return { report: isWithId ? ({ ...report, isShared: true } satisfies Report) : report, atMs }
}
