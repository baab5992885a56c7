import type { FailureCode } from './failure.ts'
import { hasEvent, isSettled, type Task } from './task.ts'

export type SeparationStatus =
  'PENDING' | 'SUCCESS' | 'CREATE_TASK_FAILED' | 'GENERATE_AUDIO_FAILED' | 'CALLBACK_EXCEPTION'

const statusOfFailure = {
  SUBMISSION_UNCONFIRMED: 'CREATE_TASK_FAILED',
  SUBMISSION_REFUSED: 'CREATE_TASK_FAILED',
  CALLBACK_FAILED: 'CALLBACK_EXCEPTION',
  NO_RESULT: 'GENERATE_AUDIO_FAILED',
  CREATION_FAILED: 'CREATE_TASK_FAILED',
  GENERATION_FAILED: 'GENERATE_AUDIO_FAILED',
} as const satisfies Record<FailureCode, SeparationStatus>

/** The status that callers see, in the providers' terms. */
export function statusOf(task: Task): SeparationStatus {
  switch (task.state) {
    case 'pending':
      return 'PENDING'
    case 'succeeded':
      return 'SUCCESS'
    case 'failed':
      return statusOfFailure[task.failure.code]
  }
}

/** How far a pending task is. */
export type TaskPhase = 'QUEUED' | 'SENDING' | 'UNCONFIRMED' | 'PROCESSING' | 'COLLECTING' | 'SETTLED'

export function phaseOf(task: Task): TaskPhase {
  if (isSettled(task)) return 'SETTLED'
  if (task.partial !== null || task.incompleteSinceMs !== null) return 'COLLECTING'
  switch (task.charge) {
    case 'CHARGED':
      return 'PROCESSING'
    case 'MAYBE':
      return hasEvent(task, 'unanswered') ? 'UNCONFIRMED' : 'SENDING'
    case 'NONE':
      return 'QUEUED'
  }
}
