import type { Changes } from '../separation/changes.ts'

/** Changes within this process. */
export interface InProcessChanges extends Changes {
  /** Calls all listeners: any task may have changed. */
  notifyAll(): void
  /** The number of listeners, over all tasks. */
  size(): number
}

export function createInProcessChanges(): InProcessChanges {
  const listeners = new Map<string, Set<() => void>>()
  let total = 0

  function publish(taskId: string): void {
    // A copy, because a listener may add or remove listeners.
    for (const listener of new Set(listeners.get(taskId))) listener()
  }

  return {
    publish,

    listen(taskId, listener) {
      const taskListeners = listeners.get(taskId) ?? new Set()
      listeners.set(taskId, taskListeners)
      if (!taskListeners.has(listener)) total += 1
      taskListeners.add(listener)
      return () => {
        if (!taskListeners.delete(listener)) return
        total -= 1
        if (taskListeners.size === 0 && listeners.get(taskId) === taskListeners) listeners.delete(taskId)
      }
    },

    notifyAll() {
      const taskIds = [...listeners.keys()]
      for (const taskId of taskIds) publish(taskId)
    },

    size: () => total,
  }
}
