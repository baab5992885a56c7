import type { WriteEffects } from './record-store.ts'
import type { Task } from '../task/task.ts'
import type { WebhookEndpoint } from '../webhooks/webhook-endpoint.ts'

export interface AdoptionEffects extends WriteEffects {
  /** Tells this endpoint of the task. */
  readonly webhook?: WebhookEndpoint | undefined
}

/** Stores tasks that were not ordered through this store. */
export interface TaskImporter {
  /**
   * Inserts a task made outside, unless a task is bound to its provider task id already. Returns the task that is bound; null, and
   * inserts nothing, if the task that was bound to it was deleted.
   */
  adopt(task: Task, dueAtMs: number | null, effects?: AdoptionEffects): Promise<Task | null>
  /** Inserts a task that this store has lost, due at once, unless it exists. Returns false if it was deleted: it stays so. */
  restore(task: Task): Promise<boolean>
  /** Whether the task was deleted. */
  isDeleted(taskId: string): Promise<boolean>
}
