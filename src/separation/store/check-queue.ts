import type { DueQueue } from './due-queue.ts'
import type { ProviderName } from '../task/provider-name.ts'
import type { Task } from '../task/task.ts'

/** Schedules the checks of tasks and leases due tasks to gateways. A callback makes its task due. */
export interface CheckQueue extends Omit<DueQueue<Task>, 'leaseDue'> {
  /** As `DueQueue.leaseDue`, of one provider: tasks with callbacks first, then those that are due longest. */
  leaseDue(provider: ProviderName, nowMs: number, leaseUntilMs: number, limit: number): Promise<readonly Task[]>
  /** Ends all leases: their tasks are due at once. Only for a database that no other gateway uses. */
  releaseAllLeases(): Promise<void>
}
