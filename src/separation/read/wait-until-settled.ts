import { isSettled, type Task } from '../task/task.ts'
import type { Watches } from './watch.ts'

/** Waits for tasks on behalf of requests. */
export interface Waits {
  /**
   * Resolves to the task once it is settled, or as it is then after `waitMs`, when the caller leaves, or when the gateway
   * stops.
   * @param onLeave is given what to call when the caller leaves
   */
  untilSettled(task: Task, waitMs: number, onLeave: (end: () => void) => void): Promise<Task>
  /** Ends all waits. Later ones end at once. */
  stop(): void
}

export function createWaits(watches: Pick<Watches, 'watch'>): Waits {
  const waiting = new Set<() => void>()
  let isStopped = false

  return {
    untilSettled(task, waitMs, onLeave) {
      if (isStopped || isSettled(task)) return Promise.resolve(task)
      return new Promise((resolve) => {
        let latest: Task = task
        const end = () => {
          clearTimeout(timer)
          waiting.delete(end)
          watch.stop()
          resolve(latest)
        }
        const watch = watches.watch(
          task.owner,
          { taskId: task.id, provider: null },
          {},
          {
            onState(state) {
              // The caller reads the task that is known if the store fails.
              if (state === null || state instanceof Error || state.revision < latest.revision) return
              latest = state
              if (isSettled(latest)) end()
            },
          },
        )
        const timer = setTimeout(end, waitMs)
        waiting.add(end)
        onLeave(end)
      })
    },
    stop() {
      isStopped = true
      for (const end of waiting) end()
    },
  }
}
