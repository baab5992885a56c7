import type { Changes } from '../separation/changes.ts'

/** Changes told within this process. */
export interface InProcessChanges extends Changes {
  /** Calls every listener: any task may have changed. */
  notifyAll(): void
  /** How many listeners there are, over all tasks. */
  size(): number
}

export function createInProcessChanges(): InProcessChanges {
  const listeners = new Map<string, Set<() => void>>()

  function publish(taskId: string): void {
    // A copy: who is told may listen or leave.
    for (const listener of new Set(listeners.get(taskId))) listener()
  }

  return {
    publish,

    listen(taskId, listener) {
      const ofTask = listeners.get(taskId) ?? new Set()
      listeners.set(taskId, ofTask)
      ofTask.add(listener)
      return () => {
        ofTask.delete(listener)
        if (ofTask.size === 0 && listeners.get(taskId) === ofTask) listeners.delete(taskId)
      }
    },

    notifyAll() {
      const taskIds = [...listeners.keys()]
      for (const taskId of taskIds) publish(taskId)
    },

    size: () => [...listeners.values()].reduce((sum, ofTask) => sum + ofTask.size, 0),
  }
}
