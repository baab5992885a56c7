import type { DatedReport } from './advance/report.ts'
import { maxSendingMs } from './check/conclusion.ts'
import { isQueued, startedAtMs, type Resolution, type Task } from './task.ts'

/** What comes of the operator's word about the charge of a task. */
export type ResolutionPlan =
  | { readonly kind: 'changes'; readonly reports: readonly DatedReport[] }
  /** The charge is known to be what the operator says. */
  | { readonly kind: 'known' }
  /** Something else is known, or will soon be. The reason says what, for the operator. */
  | { readonly kind: 'refused'; readonly reason: string }

/**
 * Plans a resolution of a task as it is stored. Only a charge that nobody knows can be resolved, or one that was resolved before: what the
 * provider has shown or answered stands.
 */
export function planResolution(task: Task, charge: Resolution['charge'], nowMs: number): ResolutionPlan {
  if (task.charge === charge) return { kind: 'known' }
  if (task.charge !== 'MAYBE' && task.resolution === null) return { kind: 'refused', reason: knownOf(task) }
  const leftMs = startedAtMs(task) + maxSendingMs - nowMs
  if (leftMs > 0) {
    const reason = `its answer may still arrive: wait ${Math.ceil(leftMs / 1_000)} s`
    return { kind: 'refused', reason }
  }
  return { kind: 'changes', reports: [{ report: { kind: 'resolved', charge }, atMs: nowMs }] }
}

function knownOf(task: Task): string {
  if (task.charge === 'CHARGED') return 'the provider has accepted the order'
  return isQueued(task) ? 'the order is not sent yet' : 'the order was refused'
}
