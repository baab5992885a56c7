import { expiresAtMs, type FileRetention } from '../file-retention.ts'
import { mayStillSucceed, type Task } from '../task/task.ts'
import { startedAtMs } from '../task/task-times.ts'

/**
 * Whether a task answers a new order for its track: it is pending, its files still exist, or it may be charged and may still
 * succeed.
 */
export function canAnswer(task: Task, retention: FileRetention, giveUpAfterMs: number, nowMs: number): boolean {
  switch (task.state) {
    case 'pending':
      return true
    case 'succeeded':
      return (expiresAtMs(task, retention) ?? 0) > nowMs
    case 'failed': {
      const isStillChecked = mayStillSucceed(task) && nowMs < startedAtMs(task) + giveUpAfterMs
      // The operator may have found that an unconfirmed order was not charged.
      return isStillChecked || (task.failure.code === 'SUBMISSION_UNCONFIRMED' && task.charge !== 'NONE')
    }
  }
}
