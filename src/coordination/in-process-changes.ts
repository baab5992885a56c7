import type { Changes, OwnerListener } from '../separation/changes.ts'
import { createListeners } from './listeners.ts'

/** Changes within this process. Nothing is heard of other gateways. */
export interface InProcessChanges extends Changes {
  /** Calls all listeners: any task may have changed. */
  notifyAll(): void
  /** The number of listeners, over all tasks and owners. */
  size(): number
}

export function createInProcessChanges(): InProcessChanges {
  const byTask = createListeners<() => void>()
  const byOwner = createListeners<OwnerListener>()

  function notifyTask(taskId: string): void {
    for (const listener of byTask.of(taskId)) listener()
  }

  function notifyOwner(owner: string, taskId: string | null): void {
    for (const listener of byOwner.of(owner)) listener(taskId)
  }

  return {
    publish(taskId, owner) {
      notifyTask(taskId)
      for (const each of owner === undefined ? byOwner.keys() : [owner]) notifyOwner(each, taskId)
    },

    listen: byTask.add,
    listenToOwner: byOwner.add,

    notifyAll() {
      for (const taskId of byTask.keys()) notifyTask(taskId)
      for (const owner of byOwner.keys()) notifyOwner(owner, null)
    },

    hearsOthers: async () => false,
    size: () => byTask.size() + byOwner.size(),
  }
}
