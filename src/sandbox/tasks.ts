import type { Callbacks } from './callbacks.ts'
import type { Ledger } from './ledger.ts'
import { callbackOf, recordInfoOf, type SandboxTask, shortNameOf, timeOf } from './result.ts'
import type { Submission } from './submission.ts'
import type { TaskIds } from './task-id.ts'
import { findTestTrack } from './test-tracks.ts'
import type { Timers } from './timers.ts'

/** The separations that were ordered. */
export interface Tasks {
  /** Takes an order, charges it and sees to its callbacks. Gives back the task's id. */
  accept(submission: Submission): string
  /** The `data` of record-info; null for an id that is not ours. */
  read(id: string): Readonly<Record<string, unknown>> | null
}

export interface TasksOptions {
  readonly publicUrl: () => string
  /** How long a usual separation takes, in ms. */
  readonly delayMs: number
  readonly taskIds: TaskIds
  readonly ledger: Ledger
  readonly callbacks: Callbacks
  readonly timers: Timers
}

const keptLosses = 10_000

/**
 * How a task stands follows from its id and the clock, with one exception: that nobody took its callback. That, and
 * callbacks that are still to be sent, are forgotten with the process.
 */
export function createTasks({ publicUrl, delayMs, taskIds, ledger, callbacks, timers }: TasksOptions): Tasks {
  const lost = new Set<string>()

  function keepLoss(taskId: string): void {
    lost.add(taskId)
    const [oldest] = lost
    if (lost.size > keptLosses && oldest !== undefined) lost.delete(oldest)
  }

  function scheduleCallbacks(task: SandboxTask): void {
    const filesUrl = publicUrl()
    let delivered = false
    for (const times of task.track.callbacksAfter) {
      const timeMs = timeOf(task, times)
      timers.at(timeMs, () => {
        callbacks.send({
          url: task.order.callbackUrl,
          body: callbackOf(task, { nowMs: timeMs, publicUrl: filesUrl }),
          task: shortNameOf(task.id),
          onEnd(taken) {
            delivered ||= taken
            if (delivered) lost.delete(task.id)
            else keepLoss(task.id)
          },
        })
      })
    }
  }

  return {
    accept({ musicTaskId, audioId, track, type, callbackUrl }) {
      const createdAtMs = Date.now()
      const order = { type, audioId, callbackUrl, createdAtMs, delayMs }
      const id = taskIds.make(order)
      ledger.charge({ taskId: id, audioId, musicTaskId, type, chargedAt: createdAtMs })
      scheduleCallbacks({ id, order, track })
      return id
    },
    read(id) {
      const order = taskIds.read(id)
      const track = order === null ? null : findTestTrack(order.audioId)
      if (order === null || track === null) return null
      return recordInfoOf({ id, order, track }, { nowMs: Date.now(), publicUrl: publicUrl() }, lost.has(id))
    },
  }
}
