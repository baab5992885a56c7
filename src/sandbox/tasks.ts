import type { Callbacks } from './callbacks.ts'
import type { Ledger } from './ledger.ts'
import { callbackOf, recordInfoOf, type SandboxTask, shortNameOf, timeOf } from './result.ts'
import type { Submission } from './submission.ts'
import type { TaskIds } from './task-id.ts'
import { findTestTrack } from './test-tracks.ts'
import type { Timers } from './timers.ts'

/** The ordered separations. */
export interface Tasks {
  /** Accepts an order, charges it and schedules its callbacks. Returns the task id. */
  accept(submission: Submission): string
  /** The `data` of record-info; null for an unknown id. */
  read(id: string): Readonly<Record<string, unknown>> | null
}

export interface TasksOptions {
  readonly publicUrl: () => string
  /** The default duration of a separation, in milliseconds. */
  readonly delayMs: number
  readonly taskIds: TaskIds
  readonly ledger: Ledger
  readonly callbacks: Callbacks
  readonly timers: Timers
}

const maxLostTasks = 10_000

/**
 * The state of a task follows from its id and the clock, except whether its callback was lost. Lost and scheduled callbacks
 * are kept in memory only.
 */
export function createTasks({ publicUrl, delayMs, taskIds, ledger, callbacks, timers }: TasksOptions): Tasks {
  /** The tasks whose callback was lost. */
  const lost = new Set<string>()

  function addLost(taskId: string): void {
    lost.add(taskId)
    const [oldest] = lost
    if (lost.size > maxLostTasks && oldest !== undefined) lost.delete(oldest)
  }

  function scheduleCallbacks(task: SandboxTask): void {
    const filesUrl = publicUrl()
    let delivered = false
    for (const delays of task.track.callbacksAfter) {
      const timeMs = timeOf(task, delays)
      timers.at(timeMs, () => {
        callbacks.send({
          url: task.order.callbackUrl,
          body: callbackOf(task, { nowMs: timeMs, publicUrl: filesUrl }),
          task: shortNameOf(task.id),
          onEnd(isDelivered) {
            delivered ||= isDelivered
            if (delivered) lost.delete(task.id)
            else addLost(task.id)
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
