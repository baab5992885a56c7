import type { Log } from '../../runtime/log.ts'
import type { Changes } from '../changes.ts'
import { DuplicateBindingError, StoreUnavailableError } from '../errors.ts'
import type { Clock } from '../store/clock.ts'
import type { LeaseEnd, NewDue, RecordStore } from '../store/record-store.ts'
import { createTaskLog, taskIds } from '../task-log.ts'
import { stemName } from '../task/stem.ts'
import type { Task } from '../task/task.ts'
import { toldChange } from '../webhooks/told-change.ts'
import { advance, isVisibleChange } from './advance.ts'
import { maxStems } from './merge-stems.ts'
import type { DatedReport, Report } from '../task/report.ts'

/** What saves `record` work on the store. */
export interface RecordHints {
  /** The task as it was just read from the store. */
  readonly known?: Task
  /** Ends a lease of the task in the write that changes it, or sets when it is due. If nothing changes, both stay. */
  readonly due?: LeaseEnd | NewDue
  /** For the log: why nothing is known of the order. */
  readonly cause?: string
  /** For the log: which of several API keys the order was sent with. */
  readonly key?: number | undefined
}

/**
 * Merges reports into their task and notifies its subscribers. The only way in which a task changes.
 * @param reports one report that is made now, earlier reports, oldest first, or a function of the stored task
 * @returns the task after the change; null if there is no such task
 */
export type RecordReports = (
  taskId: string,
  reports: Report | readonly DatedReport[] | ((task: Task) => readonly DatedReport[]),
  hints?: RecordHints,
) => Promise<Task | null>

export interface RecordOptions {
  /** The store itself, never a cache. */
  readonly store: RecordStore
  readonly clock: Clock
  readonly changes: Pick<Changes, 'publish'>
  readonly log: Log
  /** See `FileRetention`. Unless it is null, new files make the work of the archive due. */
  readonly archiveMs?: number | null
  /** Called once for every change that this gateway has stored. */
  readonly onChange?: TaskChangeListener
}

/** @param before the task as it was stored before the change */
export type TaskChangeListener = (before: Task, after: Task) => void

export function createRecord({ store, clock, changes, log, archiveMs = null, onChange }: RecordOptions): RecordReports {
  const taskLog = createTaskLog(log)

  return async function record(taskId, reports, { known, due, cause, key } = {}) {
    const given =
      typeof reports === 'object' && 'kind' in reports ? [{ report: reports, atMs: clock.nowMs() }] : reports
    let canBind = true
    let wasOvertaken = false
    let current = known
    for (;;) {
      const task = current ?? (await store.find([taskId]))[0]
      if (task === undefined) return null
      current = undefined
      const dated = typeof given === 'function' ? given(task) : given
      const next = advanceAll(task, canBind ? dated : dated.map(asShared), clock.nowMs())
      if (next === task || !isVisibleChange(task, next)) {
        // An earlier attempt may have written this very change, although its answer was lost.
        if (wasOvertaken) changes.publish(taskId, task.owner)
        return task
      }
      try {
        const archiveAtMs = archiveMs !== null && hasNewFile(task, next) ? clock.nowMs() : undefined
        if (await store.replace(next, task, due, { archiveAtMs, told: toldChange(task, next) ?? undefined })) {
          taskLog.changed(task, next, dated, { cause, key })
          logUnstoredStems(next, dated)
          changes.publish(taskId, task.owner)
          onChange?.(task, next)
          return next
        }
        wasOvertaken = true
      } catch (error) {
        // The change may have been written all the same.
        if (error instanceof StoreUnavailableError) changes.publish(taskId, task.owner)
        if (!(error instanceof DuplicateBindingError) || !canBind) throw error
        log.error(
          { event: 'task.id-taken', ...taskIds(task) },
          'the provider gave this task an id that another task is bound to; the task is not bound',
        )
        canBind = false
      }
    }
  }

  function logUnstoredStems(task: Task, reports: readonly DatedReport[]): void {
    if (task.state !== 'succeeded' || task.stems.length < maxStems) return
    const reported = reports.flatMap(({ report }) =>
      report.kind === 'reported' && report.outcome.state === 'succeeded' ? report.outcome.stems.length : [],
    )
    log.warn(
      { event: 'task.stems-dropped', ...taskIds(task), reported, kept: maxStems },
      'a task has the most stems that are stored; others are dropped',
    )
  }
}

/** Whether a stem of the task has become known, or one without a copy has another address. */
function hasNewFile(before: Task, after: Task): boolean {
  if (after.state !== 'succeeded') return false
  const known = new Map((before.state === 'succeeded' ? before.stems : []).map((stem) => [stemName(stem), stem]))
  const copied = new Set(after.archive?.copies.map(({ stem }) => stem))
  return after.stems.some((stem) => {
    const name = stemName(stem)
    return !copied.has(name) && known.get(name)?.url.value !== stem.url.value
  })
}

/** Merges all reports, in their order, as one change. */
function advanceAll(task: Task, reports: readonly DatedReport[], nowMs: number): Task {
  let next = task
  for (const { report, atMs } of reports) next = advance(next, report, atMs)
  if (next === task) return task
  return { ...next, revision: task.revision + 1, updatedAtMs: Math.max(task.updatedAtMs, nowMs) }
}

/** The report with an id that another task is bound to. The order is charged all the same. */
function asShared({ report, atMs }: DatedReport): DatedReport {
  const hasId = report.kind === 'accepted' || report.kind === 'reported'
  return { report: hasId ? ({ ...report, isShared: true } satisfies Report) : report, atMs }
}
