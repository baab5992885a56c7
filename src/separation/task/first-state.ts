import type { PendingTask } from './task.ts'

/** What every task begins with, however it comes into the store. */
export const firstState = {
  sharedProviderTaskId: null,
  musicId: null,
  originUrl: null,
  revision: 1,
  events: [],
  expectedAtMs: null,
  sendAttempt: null,
  resolution: null,
  archive: null,
  state: 'pending',
  partial: null,
  incompleteSinceMs: null,
} as const satisfies Partial<PendingTask>
