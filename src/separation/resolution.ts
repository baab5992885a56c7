import type { DatedReport } from './task/report.ts'
import { maxSendingMs } from './check/conclusion.ts'
import { isQueued, type Resolution, type Task } from './task/task.ts'
import { startedAtMs } from './task/task-times.ts'

const queuedReason = 'the order is queued: it is not sent yet, and nothing is charged'

/** What the operator's report of the charge of a task leads to. */
export type ResolutionPlan =
  | { readonly kind: 'changes'; readonly reports: readonly DatedReport[] }
  /** The charge is known, and is what the operator reports. */
  | { readonly kind: 'known' }
  /** The charge is known to be another, or may soon be known. `reason` tells the operator which. */
  | { readonly kind: 'refused'; readonly reason: string }

/**
 * Plans a resolution of a task as it is stored. Only a charge that nobody knows can be resolved, or one that was resolved before.
 * A charge that the provider has shown or answered is never changed. A queued order can be charged: this store may be restored from
 * a copy that was made before the order was sent. It is then not sent again.
 */
export function planResolution(task: Task, charge: Resolution['charge'], nowMs: number): ResolutionPlan {
  const changes: ResolutionPlan = { kind: 'changes', reports: [{ report: { kind: 'resolved', charge }, atMs: nowMs }] }
  if (isQueued(task)) return charge === 'CHARGED' ? changes : { kind: 'refused', reason: queuedReason }
  if (task.charge === charge) return { kind: 'known' }
  if (task.charge !== 'MAYBE' && task.resolution === null) return { kind: 'refused', reason: knownOf(task) }
  const leftMs = startedAtMs(task) + maxSendingMs - nowMs
  if (leftMs > 0) {
    const reason = `its answer may still arrive: wait ${Math.ceil(leftMs / 1_000)} s`
    return { kind: 'refused', reason }
  }
  return changes
}

function knownOf(task: Task): string {
  return task.charge === 'CHARGED' ? 'the provider has accepted the order' : 'the order was refused'
}
