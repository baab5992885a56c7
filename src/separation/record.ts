import { advance } from './advance.ts'
import { DuplicateBindingError, StoreUnavailableError } from './errors.ts'
import type { Changes, Log, Store } from './ports.ts'
import type { Report } from './report.ts'
import type { Task } from './task.ts'

/**
 * Makes a report part of its task and tells those who wait for it. The only way in which a task changes.
 * @param report what was heard; or what is to be concluded from the task as it stands in that moment, null for nothing
 * @param atMs when the report was made, in milliseconds since 1970; now, if it is left out
 * @returns the task as it then is; null if there is no such task
 */
export type Record = (
  taskId: string,
  report: Report | ((task: Task) => Report | null),
  atMs?: number,
) => Promise<Task | null>

export function createRecord({ store, changes, log }: { store: Store; changes: Changes; log: Log }): Record {
  return async function record(taskId, report, atMs = store.nowMs()) {
    let mayBind = true
    let wasOvertaken = false
    for (;;) {
      const [task] = await store.find([taskId])
      if (task === undefined) return null
      const heard = typeof report === 'function' ? report(task) : report
      const next = heard === null ? task : advance(task, mayBind ? heard : withoutId(heard), atMs)
      if (next === task) {
        // It may have been this very report that was written, by an answer of the store's that was lost.
        if (wasOvertaken) changes.publish(taskId)
        return task
      }
      try {
        if (await store.replace(next)) {
          changes.publish(taskId)
          return next
        }
        wasOvertaken = true
      } catch (error) {
        // It may have been written all the same.
        if (error instanceof StoreUnavailableError) changes.publish(taskId)
        if (!(error instanceof DuplicateBindingError) || !mayBind) throw error
        log.error({ taskId, report: heard?.kind }, 'the provider gave this task an id that another task bears')
        if (heard?.kind !== 'accepted') return task
        mayBind = false
      }
    }
  }
}

/** What a report says besides the id: an order that was taken was charged, whatever it is called. */
function withoutId(report: Report): Report {
  return report.kind === 'accepted' ? { ...report, providerTaskId: null } : report
}
